"""Raw folder -> manifest -> standardized arrays.

Needs: data/raw/<dataset>/ (or the folder that params.yaml names), optionally with metadata.csv.
Makes: data/manifest/<dataset>/, data/standardized/<dataset>/.
Usual steps: one scan job per shard, one gather job, one standardize job per shard.
"""


rule scan_shard:
    """Read, check and hash every file of one shard of the raw folder."""
    input:
        code=sources("evenlight.stages.scan"),
    output:
        table=ensure("data/manifest/{dataset}/shards/{shard}.parquet", non_empty=True),
    log:
        "logs/scan_shard/{dataset}/{shard}.log",
    benchmark:
        "logs/benchmarks/scan_shard/{dataset}/{shard}.tsv"
    threads: 1
    params:
        folder=lambda wildcards: str(RAW),
        shards=LISTING.shard_count,
        versions=versions("numpy", "pillow", "simplejpeg", "opencv-python-headless"),
        fingerprint=lambda wildcards: LISTING.fingerprint(wildcards.shard),
    message:
        "Scanning {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        "evenlight scan --folder {params.folder:q} --shard {wildcards.shard}"
        " --shards {params.shards} --table {output.table:q} 2>&1 | tee {log:q}"


rule gather_manifest:
    """Join the shards: labels, splits, groups, and counts that add up."""
    input:
        shards=collect("data/manifest/{{dataset}}/shards/{shard}.parquet", shard=SHARDS),
        code=sources("evenlight.stages.gather"),
    output:
        manifest=ensure("data/manifest/{dataset}/manifest.parquet", non_empty=True),
        classes=ensure("data/manifest/{dataset}/classes.json", non_empty=True),
        summary=ensure("data/manifest/{dataset}/summary.json", non_empty=True),
    log:
        "logs/gather_manifest/{dataset}.log",
    benchmark:
        "logs/benchmarks/gather_manifest/{dataset}.tsv"
    threads: 1
    params:
        folder=lambda wildcards: str(RAW),
        settings=lambda wildcards: as_json(
            {
                "name": DATASET,
                **{key: SETTINGS[key] for key in ("source", "groups", "layout")},
            }
        ),
        split=as_json(config["split"]),
        ignored=LISTING.ignored,
        metadata=metadata_hash(),
        max_quarantine=config["max_quarantine"],
    message:
        "Gathering the manifest of {wildcards.dataset}"
    shell:
        "evenlight gather {input.shards:q} --folder {params.folder:q}"
        " --dataset {params.settings:q} --split {params.split:q}"
        " --ignored {params.ignored} --max-quarantine {params.max_quarantine}"
        " --manifest {output.manifest:q} --classes {output.classes:q}"
        " --summary {output.summary:q} 2>&1 | tee {log:q}"


rule standardize_shard:
    """Bring one shard's images to one size and colour space."""
    input:
        shard="data/manifest/{dataset}/shards/{shard}.parquet",
        code=sources("evenlight.stages.standardize"),
    output:
        array=ensure("data/standardized/{dataset}/{shard}.npy", non_empty=True),
    log:
        "logs/standardize_shard/{dataset}/{shard}.log",
    benchmark:
        "logs/benchmarks/standardize_shard/{dataset}/{shard}.tsv"
    threads: 1
    params:
        folder=lambda wildcards: str(RAW),
        options=as_json(config["standardize"]),
        versions=versions("numpy", "pillow", "simplejpeg", "opencv-python-headless"),
    message:
        "Standardizing {wildcards.dataset}, shard {wildcards.shard}"
    shell:
        "evenlight standardize --folder {params.folder:q} --shard {input.shard:q}"
        " --options {params.options:q} --array {output.array:q} 2>&1 | tee {log:q}"
