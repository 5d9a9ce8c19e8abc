"""Feature tables and models -> pictures in two dimensions, decision boundaries, what models lean on and look at.

Needs: data/features/, data/standardized/, models/. Makes: results/<dataset>/embeddings/ and files in
results/<dataset>/<model>/.
Usual steps: one job for the feature table, one per network; one per model on one or two columns, one per model on
several families; for networks one that looks inside, and one that writes the page about it.
"""


rule embed_features:
    """PCA and t-SNE of the feature table that params.yaml names."""
    input:
        tables=feature_shards(lookup("embed/features", within=config, default=[])),
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=sources("evenlight.stages.embed"),
    output:
        facts=ensure("results/{dataset}/embeddings/features.json", non_empty=True),
        table=ensure("results/{dataset}/embeddings/features.parquet", non_empty=True),
        pca=report(
            "results/{dataset}/embeddings/features_pca.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "features", "figure": "PCA"},
        ),
        tsne=report(
            "results/{dataset}/embeddings/features_tsne.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "features", "figure": "t-SNE"},
        ),
    log:
        "logs/embed_features/{dataset}.log",
    benchmark:
        "logs/benchmarks/embed_features/{dataset}.tsv"
    threads: 1
    params:
        features="data/features/{dataset}",
        families=as_json(lookup("embed/features", within=config, default=[])),
        settings=as_json(config["embed"]),
        folder=lambda wildcards, output: os.path.dirname(output.facts),
    message:
        "Drawing PCA and t-SNE of the features of {wildcards.dataset}"
    shell:
        "evenlight embed --manifest {input.manifest:q} --classes {input.classes:q}"
        " --features {params.features:q} --families {params.families:q}"
        " --settings {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule embed_network:
    """PCA and t-SNE of a network's last layer."""
    input:
        images=image_shards(),
        model="models/{dataset}/{model}/model.safetensors",
        description="models/{dataset}/{model}/model.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        classes="data/manifest/{dataset}/classes.json",
        code=lambda wildcards: model_sources("evenlight.stages.embed", wildcards.model),
    output:
        facts=ensure("results/{dataset}/embeddings/{model}.json", non_empty=True),
        table=ensure("results/{dataset}/embeddings/{model}.parquet", non_empty=True),
        pca=report(
            "results/{dataset}/embeddings/{model}_pca.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "{model}", "figure": "PCA"},
        ),
        tsne=report(
            "results/{dataset}/embeddings/{model}_tsne.png",
            caption="../report/embedding.rst",
            category="Embeddings",
            subcategory="{dataset}",
            labels={"space": "{model}", "figure": "t-SNE"},
        ),
    log:
        "logs/embed_network/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/embed_network/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(NETWORKS) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        images="data/standardized/{dataset}",
        settings=as_json(config["embed"]),
        folder=lambda wildcards, output: os.path.dirname(output.facts),
    message:
        "Drawing PCA and t-SNE of the last layer of {wildcards.model}"
    shell:
        "evenlight embed --manifest {input.manifest:q} --classes {input.classes:q}"
        " --images {params.images:q} --model {params.model:q}"
        " --settings {params.settings:q} --folder {params.folder:q} > {log:q} 2>&1"


rule plot_boundary:
    """Decision regions of a model on one or two columns."""
    input:
        tables=lambda wildcards: model_inputs(wildcards.model),
        model="models/{dataset}/{model}/model.skops",
        description="models/{dataset}/{model}/model.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.plot_boundary", wildcards.model
        ),
    output:
        picture=report(
            "results/{dataset}/{model}/boundary.png",
            caption="../report/boundary.rst",
            category="Explanation",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "decision boundary"},
        ),
    log:
        "logs/plot_boundary/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/plot_boundary/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(BOUNDARIES) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        entries=lambda wildcards: as_json(
            {name: config["features"][name] for name in families(wildcards.model)}
        ),
        features="data/features/{dataset}",
    message:
        "Drawing the decision boundary of {wildcards.model}"
    shell:
        "evenlight plot-boundary {params.model:q} --manifest {input.manifest:q}"
        " --features {params.features:q} --entries {params.entries:q}"
        " --picture {output.picture:q} > {log:q} 2>&1"


rule measure_importance:
    """What a model loses on test images when a feature family is shuffled."""
    input:
        tables=lambda wildcards: model_inputs(wildcards.model),
        model="models/{dataset}/{model}/model.skops",
        description="models/{dataset}/{model}/model.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.importance", wildcards.model
        ),
    output:
        table=ensure("results/{dataset}/{model}/importance.json", non_empty=True),
    log:
        "logs/measure_importance/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/measure_importance/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(IMPORTANCES) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        settings=as_json(config["importance"]),
        evaluate=INTERVALS,
        features="data/features/{dataset}",
    message:
        "Measuring which features {wildcards.model} leans on"
    shell:
        "evenlight importance {params.model:q} --manifest {input.manifest:q}"
        " --features {params.features:q} --settings {params.settings:q}"
        " --evaluate {params.evaluate:q} --target {output.table:q} > {log:q} 2>&1"


rule explain_network:
    """What a network looks at: heat maps with their checks, filters, maps, patches, neighbours, dreams."""
    input:
        images=image_shards(),
        model="models/{dataset}/{model}/model.safetensors",
        description="models/{dataset}/{model}/model.json",
        predictions="models/{dataset}/{model}/predictions.parquet",
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.explain_network", wildcards.model
        ),
    output:
        folder=directory("results/{dataset}/{model}/explanations"),
    log:
        "logs/explain_network/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/explain_network/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(EXPLAINED) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        images="data/standardized/{dataset}",
        settings=as_json(config["explain"]),
        evaluate=INTERVALS,
        versions=versions("torch", "captum"),
    message:
        "Looking inside {wildcards.model}"
    shell:
        "evenlight explain-network {params.model:q} --manifest {input.manifest:q}"
        " --images {params.images:q} --settings {params.settings:q}"
        " --evaluate {params.evaluate:q} --folder {output.folder:q} 2>&1 | tee {log:q}"


rule write_explanations:
    """One page per network, readable without a network."""
    input:
        explanations="results/{dataset}/{model}/explanations",
        history="results/{dataset}/{model}/history.png",
        embedding=lambda wildcards: (
            collect(
                "results/{dataset}/embeddings/{model}.{suffix}",
                dataset=DATASET,
                model=wildcards.model,
                suffix=["json", "parquet"],
            )
            if config["embed"]
            else []
        ),
        description="models/{dataset}/{model}/model.json",
        checks="models/{dataset}/{model}/checks.json",
        manifest="data/manifest/{dataset}/manifest.parquet",
        images=image_shards(),
        templates=templates(),
        code=sources("evenlight.stages.explain_page"),
    output:
        page=report(
            "results/{dataset}/{model}/explanations.html",
            caption="../report/explanations.rst",
            category="Explanation",
            subcategory="{dataset}",
            labels={"model": "{model}", "figure": "inside the network"},
        ),
    log:
        "logs/write_explanations/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/write_explanations/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(EXPLAINED) or "(?!)",
    threads: 1
    params:
        model=lambda wildcards, input: os.path.dirname(input.description),
        images="data/standardized/{dataset}",
        asked=lambda wildcards, input: (
            (["--embedding", input.embedding[0]] if input.embedding else [])
            + [f"--{part}" for part in ("dream", "style") if config["explain"][part]]
        ),
        results=lambda wildcards, output: os.path.dirname(output.page),
    message:
        "Writing the page about {wildcards.model}"
    shell:
        "evenlight explain-page {wildcards.dataset} --model {params.model:q}"
        " --manifest {input.manifest:q} --images {params.images:q} {params.asked:q}"
        " --results {params.results:q} --page {output.page:q} > {log:q} 2>&1"


rule compare_fair:
    """A network whose training makes up for unequal groups, beside the same without."""
    input:
        images=image_shards(),
        models=lambda wildcards: collect(
            "models/{dataset}/{model}/{file}",
            dataset=DATASET,
            model=fair_pair(wildcards.model),
            file=["model.safetensors", "model.json", "predictions.parquet"],
        ),
        manifest="data/manifest/{dataset}/manifest.parquet",
        code=lambda wildcards: model_sources(
            "evenlight.stages.compare_fair", *fair_pair(wildcards.model)
        ),
    output:
        table=ensure("results/{dataset}/{model}/fair.json", non_empty=True),
    log:
        "logs/compare_fair/{dataset}/{model}.log",
    benchmark:
        "logs/benchmarks/compare_fair/{dataset}/{model}.tsv"
    wildcard_constraints:
        model="|".join(FAIR) or "(?!)",
    threads: 1
    params:
        models=lambda wildcards: [
            f"models/{DATASET}/{model}" for model in fair_pair(wildcards.model)
        ],
        images="data/standardized/{dataset}",
        evaluate=INTERVALS,
        seed=config["seed"],
    message:
        "What fair training of {wildcards.model} cost, and what it brought"
    shell:
        "evenlight compare-fair {params.models:q} --manifest {input.manifest:q}"
        " --images {params.images:q} --evaluate {params.evaluate:q} --seed {params.seed}"
        " --target {output.table:q} > {log:q} 2>&1"
