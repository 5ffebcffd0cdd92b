"""Queueing model: fitted to measurements, predicts other settings.

- ``measurements``: measured points
- ``network``: bounds and mean values of a closed network
- ``fit``: parameters of one loader, and predictions from them
- ``basis``: cells that each loader's parameters are fitted on
- ``model``: all cells of a campaign with predictions and errors
- ``prediction``: answers beyond the measured cells
"""
