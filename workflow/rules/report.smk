"""Results -> the page that people open, and its copy under reports/.

Needs: results/<dataset>/. Makes: results/<dataset>/index.html, published.ok and, beside the declared outputs,
reports/<dataset>/ (why beside them: docs/decisions.md, "reports/ is never a declared output").
"""


rule write_report:
    """One HTML page with everything, readable without a network."""
    input:
        metrics=collect("results/{{dataset}}/{model}/metrics.json", model=MODELS),
        misclassified=collect(
            "results/{{dataset}}/{model}/misclassified.csv", model=MODELS
        ),
        histories=collect("results/{{dataset}}/{model}/history.png", model=NETWORKS),
        descriptions=collect("models/{{dataset}}/{model}/model.json", model=MODELS),
        checks=collect("models/{{dataset}}/{model}/checks.json", model=NETWORKS),
        explanations=collect(
            "results/{{dataset}}/{model}/explanations.html", model=EXPLAINED
        ),
        fair=collect("results/{{dataset}}/{model}/fair.json", model=FAIR),
        embeddings=collect(
            "results/{{dataset}}/embeddings/{space}.json", space=outline.spaces(config)
        ),
        boundaries=collect("results/{{dataset}}/{model}/boundary.png", model=BOUNDARIES),
        importances=collect(
            "results/{{dataset}}/{model}/importance.json", model=IMPORTANCES
        ),
        features="results/{dataset}/features/summary.json",
        ablation=(
            "results/{dataset}/features/ablation.json" if config["ablation"] else []
        ),
        comparison="results/{dataset}/comparison.json",
        leaderboard="results/{dataset}/leaderboard.csv",
        best="results/{dataset}/best.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        summary="data/manifest/{dataset}/summary.json",
        findings="results/{dataset}/audit/findings.json",
        evidence="results/{dataset}/audit/evidence.json",
        region=(
            "results/{dataset}/region.png"
            if config["region"]["method"] != "none"
            else []
        ),
        images=image_shards(),
        templates=templates(),
        code=sources("evenlight.stages.report"),
    output:
        page=report(
            "results/{dataset}/index.html",
            caption="../report/page.rst",
            category="Report",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "report"},
        ),
    log:
        "logs/write_report/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_report/{dataset}.tsv"
    threads: 1
    params:
        settings=lambda wildcards: as_json(outline.result_settings(config, DATASET)),
        version=as_json(
            {"evenlight": version("evenlight"), "requirements.lock": lock_hash()}
        ),
        manifest_folder=lambda wildcards, input: os.path.dirname(input.manifest),
        images="data/standardized/{dataset}",
        models=lambda wildcards, input: os.path.dirname(
            os.path.dirname(input.descriptions[0])
        ),
        results=lambda wildcards, output: os.path.dirname(output.page),
    message:
        "Writing the report of {wildcards.dataset}"
    shell:
        "evenlight report {wildcards.dataset} --params {params.settings:q}"
        " --version {params.version:q} --manifest-folder {params.manifest_folder:q}"
        " --images {params.images:q} --models {params.models:q}"
        " --results {params.results:q} --page {output.page:q} > {log:q} 2>&1"


rule publish:
    """Copy the small summaries to reports/, where people, git and DVC read them."""
    input:
        page="results/{dataset}/index.html",
        metrics="results/{dataset}/metrics.json",
        leaderboard="results/{dataset}/leaderboard.csv",
        best="results/{dataset}/best.json",
        confusion="results/{dataset}/confusion.csv",
        history="results/{dataset}/history.csv",
        findings="results/{dataset}/audit/findings.json",
        costs=collect(
            "results/{{dataset}}/provenance/comparison.{suffix}",
            suffix=["html", "csv"],
        ),
        pictures=collect("results/{{dataset}}/{model}/confusion.png", model=MODELS),
        explanations=collect(
            "results/{{dataset}}/{model}/explanations.html", model=EXPLAINED
        ),
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=sources("evenlight.stages.publish"),
    output:
        stamp=touch("results/{dataset}/published.ok"),
    log:
        "logs/publish/{dataset}.log",
    benchmark:
        "logs/benchmarks/publish/{dataset}.tsv"
    localrule: True
    threads: 1
    params:
        settings=lambda wildcards: as_json(outline.result_settings(config, DATASET)),
        results=lambda wildcards, input: os.path.dirname(input.page),
        folder="reports/{dataset}",
    message:
        "Publishing to reports/{wildcards.dataset}"
    shell:
        "evenlight publish {params.results:q} --manifest {input.manifest:q}"
        " --params {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"
