"""What is abnormal in a service's log: window features, detectors behind one interface, one calibrated score, anomalies.

Belongs here: everything that is computed from entries or windows and a model, with the clock passed in. Does not belong here:
reading and storing (`flows/windows.py`, `store/anomalies.py`), incidents of several services (`core/incidents.py`), telling.
"""
