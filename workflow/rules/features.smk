"""Standardized arrays -> feature tables.

Needs: data/standardized/<dataset>/. Makes: data/features/<dataset>/<feature>/<shard>.parquet.
Usual steps: one job per entry of `features:` and shard; an entry that learns, such as a vocabulary, learns first.
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
        learned=lambda wildcards, input: (
            f"--learned {input.learned}" if input.learned else ""
        ),
        versions=versions("numpy", "opencv-python-headless"),
    message:
        "Computing {wildcards.feature} features of {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        "evenlight features {wildcards.feature} --images {input.images:q}"
        " --shard {input.shard:q} --color {params.color} --options {params.options:q}"
        " {params.learned} --table {output.table:q} > {log:q} 2>&1"
