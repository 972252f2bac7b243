provider "simulater" {} #~ unknown-block
