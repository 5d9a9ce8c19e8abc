"""Standardized arrays -> feature tables.

Needs: data/standardized/<dataset>/. Makes: data/features/<dataset>/<family>/<shard>.parquet.
Usual steps: one job per family and shard.
"""


rule extract_features:
    """Compute one feature family over one shard."""
    input:
        images="data/standardized/{dataset}/{shard}.npy",
        shard="data/manifest/{dataset}/shards/{shard}.parquet",
        code=lambda wildcards: sources(
            "evenlight.stages.features", f"evenlight.features.{wildcards.feature}"
        ),
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
        versions=versions("numpy", "opencv-python-headless"),
    message:
        "Computing {wildcards.feature} features of {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        "evenlight features {wildcards.feature} --images {input.images:q}"
        " --shard {input.shard:q} --color {params.color} --options {params.options:q}"
        " --table {output.table:q} > {log:q} 2>&1"
