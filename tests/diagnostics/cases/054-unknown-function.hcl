locals {
  x = uper("a") #~ unknown-function
}
