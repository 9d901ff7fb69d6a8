"""What stands behind `luffy eval` and `luffy bench`: the system's own code over labelled data or beside a yardstick."""
