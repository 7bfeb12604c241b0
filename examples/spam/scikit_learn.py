"""Logistic regression of scikit-learn on the rows of examples/spam.ts, in its parts and with its features, to compare.

    npm run example:spam -- --rows build/spam-rows.jsonl
    python3 examples/spam/scikit_learn.py build/spam-rows.jsonl        # Debian: python3-sklearn
"""
import json
import sys
import time

from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, precision_recall_curve, roc_auc_score

rows = [json.loads(line) for line in open(sys.argv[1], encoding='utf-8')]
vectorizer = HashingVectorizer(n_features=2**18, ngram_range=(1, 2))


def part(name):
    chosen = [row for row in rows if row['part'] == name]
    return vectorizer.transform([row['text'] for row in chosen]), [int(row['kind'] == 'spam') for row in chosen]


(x, y), (x_validation, y_validation), (x_test, y_test) = part('train'), part('validation'), part('test')
for c in (1, 10, 100, 1000):
    started = time.process_time()
    model = LogisticRegression(C=c, max_iter=1000).fit(x, y)
    seconds = time.process_time() - started
    loss = log_loss(y_validation, model.predict_proba(x_validation)[:, 1])
    scores = model.predict_proba(x_test)[:, 1]
    precision, recall, _ = precision_recall_curve(y_test, scores)
    print(f'C={c}: validation loss {loss:.4f}; test: F1 {f1_score(y_test, scores > 0.5):.3f} at 0.5, ROC-AUC {roc_auc_score(y_test, scores):.4f}, precision at recall 0.95 {precision[recall >= 0.95].max():.3f}; {seconds:.1f} CPU seconds')
