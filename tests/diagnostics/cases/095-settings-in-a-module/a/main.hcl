provider "aws" {} #~ root-module-only
