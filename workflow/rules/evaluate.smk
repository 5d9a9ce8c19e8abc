"""Predictions -> numbers with intervals, tables and pictures.

Needs: models/<dataset>/<model>/predictions.parquet. Makes: results/<dataset>/<model>/ and the summaries beside it.
Usual steps: one job per model, one that ranks them, one that compares them.
"""


rule evaluate_model:
    """Numbers by split, class and group; confusion; misclassified images."""
    input:
        predictions="models/{dataset}/{model}/predictions.parquet",
        description="models/{dataset}/{model}/model.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        images=image_shards(),
        code=sources("evenlight.stages.evaluate"),
    output:
        metrics=ensure("results/{dataset}/{model}/metrics.json", non_empty=True),
        confusion=ensure("results/{dataset}/{model}/confusion.csv", non_empty=True),
        misclassified=ensure(
            "results/{dataset}/{model}/misclassified.csv", non_empty=True
        ),
        confusion_picture=report(
            "results/{dataset}/{model}/confusion.png",
            caption="../report/confusion.rst",
            category="Evaluation",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "confusion matrix"},
        ),
        gallery=report(
            "results/{dataset}/{model}/misclassified.png",
            caption="../report/misclassified.rst",
            category="Evaluation",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "misclassified images"},
        ),
    log:
        "logs/evaluate_model/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/evaluate_model/{dataset}/{model}.tsv"
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        images="data/standardized/{dataset}",
        source=lambda wildcards: as_json(source_column(SETTINGS)),
        settings=as_json(config["evaluate"]),
        folder=lambda wildcards, output: os.path.dirname(output.metrics),
    message:
        "Evaluating {wildcards.model} on {wildcards.dataset}"
    shell:
        "evenlight evaluate {params.model:q} --manifest {input.manifest:q}"
        " --images {params.images:q} --source {params.source:q}"
        " --settings {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule plot_history:
    """Learning curves of a network."""
    input:
        history="models/{dataset}/{model}/history.csv",
        code=sources("evenlight.stages.plot_history"),
    output:
        picture=report(
            "results/{dataset}/{model}/history.png",
            caption="../report/history.rst",
            category="Training",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "learning curves"},
        ),
    log:
        "logs/plot_history/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/plot_history/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(NETWORKS) or "(?!)",
    threads: 1
    message:
        "Drawing the learning curves of {wildcards.model}"
    shell:
        "evenlight plot-history {input.history:q} {output.picture:q} > {log:q} 2>&1"


rule summarize_results:
    """All models' numbers in one file, best validation accuracy first."""
    input:
        metrics=collect("results/{{dataset}}/{model}/metrics.json", model=MODELS),
        confusion=collect("results/{{dataset}}/{model}/confusion.csv", model=MODELS),
        history=collect("models/{{dataset}}/{model}/history.csv", model=NETWORKS),
        code=sources("evenlight.stages.evaluate"),
    output:
        metrics=ensure("results/{dataset}/metrics.json", non_empty=True),
        leaderboard=report(
            "results/{dataset}/leaderboard.csv",
            caption="../report/leaderboard.rst",
            category="Evaluation",
            subcategory="{dataset}",
            labels={"model": "all", "figure": "leaderboard"},
        ),
        best=ensure("results/{dataset}/best.json", non_empty=True),
        confusion=ensure("results/{dataset}/confusion.csv", non_empty=True),
        history=ensure("results/{dataset}/history.csv", non_empty=True),
    log:
        "logs/summarize_results/{dataset}.log",
    benchmark:
        "logs/benchmarks/summarize_results/{dataset}.tsv"
    threads: 1
    params:
        folder=lambda wildcards, output: os.path.dirname(output.metrics),
        models=lambda wildcards: f"models/{wildcards.dataset}",
        names=" ".join(f"--name {name}" for name in MODELS),
    message:
        "Ranking the models of {wildcards.dataset}"
    shell:
        "evenlight summarize {params.folder:q} --models {params.models:q} {params.names}"
        " > {log:q} 2>&1"


rule compare_models:
    """Which models do better or worse than the chosen one on the same test images, and what each of them cost."""
    input:
        predictions=collect(
            "models/{{dataset}}/{model}/predictions.parquet", model=MODELS
        ),
        descriptions=collect("models/{{dataset}}/{model}/model.json", model=MODELS),
        best="results/{dataset}/best.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        templates=templates(),
        code=sources("evenlight.stages.compare"),
    output:
        comparison=ensure("results/{dataset}/comparison.json", non_empty=True),
        table=ensure("results/{dataset}/provenance/comparison.csv", non_empty=True),
        page=ensure("results/{dataset}/provenance/comparison.html", non_empty=True),
    log:
        "logs/compare_models/{dataset}.log",
    benchmark:
        "logs/benchmarks/compare_models/{dataset}.tsv"
    threads: 1
    params:
        results=lambda wildcards, output: os.path.dirname(output.comparison),
        models=lambda wildcards: f"models/{wildcards.dataset}",
        names=" ".join(f"--name {name}" for name in MODELS),
        source=lambda wildcards: as_json(source_column(SETTINGS)),
        sweeps=as_json(config["sweeps"]),
        confidence=config["evaluate"]["confidence"],
        benchmarks="logs/benchmarks",
    message:
        "Comparing the models of {wildcards.dataset}"
    shell:
        "evenlight compare {wildcards.dataset} --models {params.models:q} {params.names}"
        " --manifest {input.manifest:q} --source {params.source:q} --best {input.best:q}"
        " --sweeps {params.sweeps:q} --confidence {params.confidence}"
        " --benchmarks {params.benchmarks:q} --results {params.results:q} > {log:q} 2>&1"
