"""Results -> MLflow.

Needs: results/<dataset>/ with its page. Makes: results/<dataset>/provenance/tracking.json, which says whether the
logging arrived or is pending.
"""


rule track_runs:
    """Log one parent run and a child per model; a server that is away leaves the logging pending."""
    input:
        page="results/{dataset}/index.html",
        metrics="results/{dataset}/metrics.json",
        comparison="results/{dataset}/comparison.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=sources("evenlight.stages.track"),
    output:
        record="results/{dataset}/provenance/tracking.json",
    log:
        "logs/track_runs/{dataset}.log",
    benchmark:
        "logs/benchmarks/track_runs/{dataset}.tsv"
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: as_json({**config, "datasets": {DATASET: SETTINGS}}),
        failed_attempts=lambda wildcards: failed_attempts(wildcards.dataset),
        uri=os.environ.get("MLFLOW_TRACKING_URI", ""),
    message:
        "Tracking {wildcards.dataset} in MLflow"
    shell:
        "evenlight track {wildcards.dataset} --params {params.settings:q}"
        " --failed-attempts {params.failed_attempts} --record {output.record:q}"
        " 2>&1 | tee {log:q}"
