# How much one plan may do, in the older version of the language.
package access.limits

most_removals = 20

deny[msg] {
	input.mode != "destroy"
	input.summary.remove > most_removals
	msg := sprintf("the plan removes %d things, and more than %d need a change of their own", [input.summary.remove, most_removals])
}

hours(duration) = to_number(trim(duration, "PTH")) {
	regex.match(`^PT[0-9]+H$`, duration)
}

warn[{"msg": msg, "severity": "medium"}] {
	entity := input.entities[_]
	entity.kind == "permission_set"
	field := entity.fields[_]
	field.name == "session_duration"
	hours(field.after) > data.exceptions.session_hours
	msg := sprintf("sessions of %s last %s", [entity.name, field.after])
}
