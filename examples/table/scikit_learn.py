#!/usr/bin/python3
"""scikit-learn's figures for the same tables, split by the same hash: scikit-learn.json. Debian 12: apt-get install python3-sklearn python3-pandas (1.2.1, 1.5.3).

    python3 examples/table/scikit_learn.py node_modules/vega-datasets/data
"""
import json
import os
import sys

import numpy as np
import pandas as pd
from sklearn import __version__
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score, roc_auc_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import murmurhash3_32

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = [1, 2, 3]


def read(name, **options):
    return pd.read_json(os.path.join(sys.argv[1], name), **options)


def tables():
    """Name, rows, numeric and categorical columns, the target, whether it is a class, layers, epochs, batch size and rate."""
    penguins = read("penguins.json")
    penguins.loc[penguins["Sex"] == ".", "Sex"] = None
    numeric = ["Beak Length (mm)", "Beak Depth (mm)", "Flipper Length (mm)", "Body Mass (g)"]
    yield "penguins", penguins, numeric, ["Island", "Sex"], "Species", True, (32,), 60, 16, 3e-3
    cars = read("cars.json", convert_dates=False)
    cars["Year"] = [float(year[:4]) for year in cars["Year"]]
    numeric = ["Cylinders", "Displacement", "Horsepower", "Weight_in_lbs", "Acceleration", "Year"]
    yield "cars", cars, numeric, ["Origin"], "Miles_per_Gallon", False, (64, 32), 200, 32, 3e-3
    flights = read("flights-200k.json")[::2].reset_index(drop=True)
    flights["late"] = np.where(flights["delay"] > 15, "yes", "no")
    yield "flights", flights, ["distance", "time"], [], "late", True, (64, 32), 10, 256, 3e-3


def parts(rows):
    first = [murmurhash3_32(f"0 {i}", positive=True) / 2**32 < 0.8 for i in range(len(rows))]
    return np.array(first)


def columns(numeric, categorical):
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    names = make_pipeline(SimpleImputer(strategy="constant", fill_value="missing"), OneHotEncoder(handle_unknown="ignore"))
    return ColumnTransformer([("numeric", numbers, numeric), ("categorical", names, categorical)])


def judged(model, x, y, is_class):
    if not is_class:
        predicted = model.predict(x)
        return {"mean absolute error": mean_absolute_error(y, predicted), "r2": r2_score(y, predicted)}
    shares = model.predict_proba(x)
    result = {"accuracy": accuracy_score(y, model.predict(x)), "loss": log_loss(y, shares)}
    return {**result, "rocAuc": roc_auc_score(y == "yes", shares[:, 1])} if shares.shape[1] == 2 else result


def compared(rows, numeric, categorical, target, is_class, layers, epochs, batch_size, rate):
    first = parts(rows)
    known = rows[target].notna()
    train, test = rows[first & known], rows[~first & known]
    mlp = {"hidden_layer_sizes": layers, "max_iter": epochs, "batch_size": batch_size, "learning_rate_init": rate, "alpha": 0, "n_iter_no_change": 10**6}
    if is_class:
        makers = {"MLP": lambda seed: MLPClassifier(random_state=seed, **mlp), "gradient boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed)}
    else:
        scaled = lambda seed: TransformedTargetRegressor(MLPRegressor(random_state=seed, **mlp), transformer=StandardScaler())
        makers = {"MLP": scaled, "gradient boosting": lambda seed: HistGradientBoostingRegressor(random_state=seed)}
    for name, make in makers.items():
        runs = []
        for seed in SEEDS:
            model = make_pipeline(columns(numeric, categorical), make(seed))
            model.fit(train.drop(columns=target), train[target])
            runs.append(judged(model, test.drop(columns=target), test[target], is_class))
        yield name, {"train": len(train), "test": len(test), **{metric: float(np.mean([run[metric] for run in runs])) for metric in runs[0]}}


if __name__ == "__main__":
    import warnings

    warnings.filterwarnings("ignore")
    figures = {name: dict(compared(*table)) for name, *table in tables()}
    with open(os.path.join(HERE, "scikit-learn.json"), "w") as file:
        json.dump({"scikit-learn": __version__, "seeds": SEEDS, "tables": figures}, file, indent=2)
        file.write("\n")
    print(json.dumps(figures, indent=2))
