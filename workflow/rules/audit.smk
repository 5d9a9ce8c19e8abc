"""Manifest, arrays and features -> findings on the data.

Needs: data/manifest/, data/standardized/, data/features/. Makes: results/<dataset>/audit/.
Usual steps: one job.
"""


rule audit_data:
    """Balance, quality, duplicates, leaks, drift, labels: everything known before training."""
    input:
        manifest="data/manifest/{dataset}/manifest.parquet",
        pairs="data/manifest/{dataset}/pairs.parquet",
        classes="data/manifest/{dataset}/classes.json",
        summary="data/manifest/{dataset}/summary.json",
        images=image_shards(),
        features=feature_shards(FEATURES),
        code=sources(
            "evenlight.stages.audit",
            *(f"evenlight.audit.checks.{name}" for name in config["audit"]["checks"]),
        ),
    output:
        findings=ensure("results/{dataset}/audit/findings.json", non_empty=True),
        evidence=ensure("results/{dataset}/audit/evidence.json", non_empty=True),
    log:
        "logs/audit_data/{dataset}.log",
    benchmark:
        "logs/benchmarks/audit_data/{dataset}.tsv"
    threads: 1
    params:
        manifest_folder=lambda wildcards, input: os.path.dirname(input.manifest),
        images="data/standardized/{dataset}",
        features="data/features/{dataset}",
        settings=as_json(
            {
                "color": config["standardize"]["color"],
                "common": {
                    key: value
                    for key, value in config["audit"].items()
                    if key not in ("checks", "near_duplicates")
                },
                "checks": config["audit"]["checks"],
            }
        ),
        folder=lambda wildcards, output: os.path.dirname(output.findings),
        lock=lock_hash(),
    message:
        "Auditing the data of {wildcards.dataset}"
    shell:
        "evenlight audit {wildcards.dataset} --manifest-folder {params.manifest_folder:q}"
        " --images {params.images:q} --features {params.features:q}"
        " --settings {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"
