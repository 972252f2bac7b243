assignment "a" {} #~ missing-attribute
