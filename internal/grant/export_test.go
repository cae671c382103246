package grant

// Probe and Look are what Run and KeepAlive do when their time has come.
var (
	Probe = (*Keeper).probe
	Look  = (*Keeper).look
)
