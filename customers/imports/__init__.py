"""Taking over the data of a real shop.

`runs.import_shop` is the one door. A format (`formats.FORMATS`) reads its files into a scratch database and checks them
there, so that a wrong file changes nothing; then it hands rows in batches to `loading.Loading`, which writes them.
Layers: edges → imports → services → models.
"""
