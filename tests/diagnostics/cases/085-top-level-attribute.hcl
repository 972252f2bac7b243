region = "eu-west-1" #~ attribute-outside-block
