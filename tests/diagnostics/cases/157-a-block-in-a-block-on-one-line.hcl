permission_set "a" { inline_policy { statement { actions = ["s3:*"] } } } #~ syntax-error
permission_set "b" { name = "b" description = "two" } #~ syntax-error
stack { state "local" { path = "x" } } #~ syntax-error
