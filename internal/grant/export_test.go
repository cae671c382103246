package grant

// Probe and Look are what Run and KeepAlive do when their time has come.
var (
	Probe = (*Keeper).probe
	Look  = (*Keeper).look
)

// Busy says whether owner's grant is being refreshed here, or what that has
// brought is not in the store yet.
func (k *Keeper) Busy(owner string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, unsaved := k.unsaved[owner]
	return unsaved || k.flights[owner] != nil
}

// Connections counts those in memory.
func Connections(k *Keeper) (n int) {
	k.connections.Range(func(any, any) bool { n++; return true })
	return n
}
