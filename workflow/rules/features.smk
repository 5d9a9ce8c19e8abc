"""Standardized arrays -> feature tables.

Needs: data/standardized/<dataset>/. Makes: data/features/<dataset>/<feature>/<shard>.parquet.
and results/<dataset>/features/.
Usual steps: one job per entry of `features:` and shard; an entry that learns, such as a vocabulary, learns first, and one
that looks through a network waits for its training. Then one job that sums the tables up, and one that finds out which families pay.
"""


rule learn_feature:
    """Learn what an entry of `features:` needs from training images."""
    input:
        images=image_shards(),
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: feature_sources(wildcards.feature),
    output:
        learned=ensure("data/features/{dataset}/{feature}/learned.npy", non_empty=True),
    log:
        "logs/learn_feature/{dataset}/{feature}.log",
    benchmark:
        "logs/benchmarks/learn_feature/{dataset}/{feature}.tsv"
    wildcard_constraints:
        feature="|".join(LEARNING) or "(?!)",
    threads: 1
    params:
        options=lambda wildcards: as_json(config["features"][wildcards.feature]),
        images="data/standardized/{dataset}",
        color=config["standardize"]["color"],
        seed=config["seed"],
        versions=versions("numpy", "opencv-python-headless"),
    message:
        "Learning {wildcards.feature} from training images of {wildcards.dataset}"
    shell:
        "evenlight learn-feature {wildcards.feature} --manifest {input.manifest:q}"
        " --images {params.images:q} --color {params.color} --options {params.options:q}"
        " --seed {params.seed} --target {output.learned:q} > {log:q} 2>&1"


rule extract_features:
    """Compute one entry of `features:` over one shard."""
    input:
        images="data/standardized/{dataset}/{shard}.npy",
        shard="data/manifest/{dataset}/shards/{shard}.parquet",
        learned=lambda wildcards: (
            f"data/features/{wildcards.dataset}/{wildcards.feature}/learned.npy"
            if wildcards.feature in LEARNING
            else []
        ),
        model=lambda wildcards: (
            [
                f"models/{wildcards.dataset}/{LOOKING[wildcards.feature]}/{file}"
                for file in ("model.json", "model.safetensors")
            ]
            if wildcards.feature in LOOKING
            else []
        ),
        code=lambda wildcards: feature_sources(wildcards.feature),
    output:
        table=ensure(
            "data/features/{dataset}/{feature}/{shard}.parquet", non_empty=True
        ),
    log:
        "logs/extract_features/{dataset}/{feature}/{shard}.log",
    benchmark:
        "logs/benchmarks/extract_features/{dataset}/{feature}/{shard}.tsv"
    threads: 1
    params:
        options=lambda wildcards: as_json(config["features"][wildcards.feature]),
        color=config["standardize"]["color"],
        known=lambda wildcards, input: (
            ["--learned", input.learned] if input.learned else []
        )
        + (["--model", os.path.dirname(input.model[0])] if input.model else []),
        versions=versions("numpy", "opencv-python-headless"),
    message:
        "Computing {wildcards.feature} features of {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        "evenlight features {wildcards.feature} --images {input.images:q}"
        " --shard {input.shard:q} --color {params.color} --options {params.options:q}"
        " {params.known:q} --table {output.table:q} > {log:q} 2>&1"


rule summarize_features:
    """What the feature tables hold, and which columns tell the classes apart."""
    input:
        tables=feature_shards(FEATURES),
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=sources("evenlight.stages.summarize_features", *FAMILY_MODULES),
    output:
        summary=ensure("results/{dataset}/features/summary.json", non_empty=True),
        telling=report(
            "results/{dataset}/features/telling.png",
            caption="../report/telling.rst",
            category="Features",
            subcategory="{dataset}",
            labels={"model": "none", "figure": "most telling columns"},
        ),
        correlation=report(
            "results/{dataset}/features/correlation.png",
            caption="../report/correlation.rst",
            category="Features",
            subcategory="{dataset}",
            labels={"model": "none", "figure": "correlation"},
        ),
    log:
        "logs/summarize_features/{dataset}.log",
    benchmark:
        "logs/benchmarks/summarize_features/{dataset}.tsv"
    threads: 1
    params:
        entries=as_json(config["features"]),
        settings=as_json(config["feature_summary"]),
        features="data/features/{dataset}",
        folder=lambda wildcards, output: os.path.dirname(output.summary),
    message:
        "Summing up the features of {wildcards.dataset}"
    shell:
        "evenlight summarize-features --manifest {input.manifest:q} --classes {input.classes:q}"
        " --features {params.features:q} --entries {params.entries:q}"
        " --settings {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule ablate:
    """Which feature families pay: left out, alone, and added to others."""
    input:
        tables=feature_shards(feature_list("ablation", "features")),
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=sources("evenlight.stages.ablate"),
    output:
        table=ensure("results/{dataset}/features/ablation.json", non_empty=True),
        picture=report(
            "results/{dataset}/features/ablation.png",
            caption="../report/ablation.rst",
            category="Features",
            subcategory="{dataset}",
            labels={"model": "none", "figure": "ablation"},
        ),
    log:
        "logs/ablate/{dataset}.log",
    benchmark:
        "logs/benchmarks/ablate/{dataset}.tsv"
    threads: 1
    params:
        families=as_json(FEATURES),
        settings=as_json(config["ablation"]),
        evaluate=INTERVALS,
        features="data/features/{dataset}",
        folder=lambda wildcards, output: os.path.dirname(output.table),
        versions=versions("numpy", "scikit-learn"),
    message:
        "Finding out which features of {wildcards.dataset} pay"
    shell:
        "evenlight ablate --manifest {input.manifest:q} --classes {input.classes:q}"
        " --features {params.features:q} --families {params.families:q}"
        " --settings {params.settings:q} --evaluate {params.evaluate:q}"
        " --folder {params.folder:q} 2>&1 | tee {log:q}"
