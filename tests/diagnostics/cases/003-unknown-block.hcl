permision_set "a" {} #~ unknown-block
