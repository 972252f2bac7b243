rolecall {}
rolecall {} #~ duplicate-block
