# Who may be given what, and why.
package access.assignments

grants := [assignment | some assignment in input.assignments; assignment.change == "grant"]

# A reason names a ticket, like OPS-1412.
has_ticket(assignment) if {
	some purpose in assignment.purposes
	regex.match(`\b[A-Z][A-Z0-9]+-[0-9]+\b`, purpose)
}

deny contains {"msg": msg, "remedy": remedy} if {
	some grant in grants
	not has_ticket(grant)
	msg := sprintf("%s gives no ticket as its reason", [concat(", ", grant.declared_by)])
	remedy := "write the ticket into `reason`, like `reason = \"OPS-1412\"`"
}

# Access is given to groups; people come and go in those.
deny contains msg if {
	some grant in grants
	some principal in grant.principals
	principal.kind == "user"
	not principal.name in data.exceptions.people
	msg := sprintf("%s gets %s directly, not through a group", [principal.name, concat(", ", grant.permission_sets)])
}

# What amounts to an administrator, whatever it is called, is not given in production.
deny contains msg if {
	some grant in grants
	some set in grant.permission_sets
	input.risks.permission_sets[set].privilege == "administrator"
	some account in grant.accounts
	account in input.risks.production_accounts
	msg := sprintf("%s is given in production (%s)", [set, object.get(input.account_names, account, account)])
}
