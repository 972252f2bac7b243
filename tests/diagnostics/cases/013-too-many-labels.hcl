group "a" "b" {} #~ wrong-labels
