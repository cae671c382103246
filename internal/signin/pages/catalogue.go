package pages

// A catalogue holds every sentence of the pages in one language.
type catalogue struct {
	words       words
	texts       [numTexts]string
	notices     [numNotices]string
	faults      [numFaults]string
	messages    *[numKinds]sentences
	connections map[Connection]standing // of a person
	rooms       map[Connection]standing // of a room
	permissions map[string]string       // what an administrator is told of a scope
	time        string                  // layout of a moment, without its zone
}

// words are the templates' own.
type words struct {
	LoginTitle     string
	LoginLead      string
	LoginAssurance string
	LoginNoButtons string
	LoginLast      string
	LoginOthers    string
	LoginUsual     string // the text of a button

	LogoutTitle      string
	LogoutLead       string
	LogoutEverywhere string
	LogoutConfirm    string
	LogoutStay       string

	AccountTitle      string
	AccountConnection string
	AccountRooms      string
	AccountRoomsLead  string
	AccountStatus     string
	SessionsTitle     string
	SessionsLead      string
	SessionCurrent    string
	SessionUnknown    string
	SessionStarted    string
	SessionUsed       string
	SessionEnd        string
	SessionsEndOthers string
	SessionsEndAll    string

	Disconnect        string
	DisconnectTitle   string
	DisconnectLead    string
	DisconnectKept    string
	DisconnectPending string
	DisconnectSignIn  string
	DisconnectStay    string

	ConsentFor      string
	ConsentLead     string
	ConsentGrant    string
	ConsentOnly     string
	ConsentSend     string
	ConsentAfter    string
	PermissionOther string

	RoomTitle      string // with the room's name for %s
	RoomWhich      string
	RoomOwn        string
	RoomRights     string
	RoomNotYours   string
	RoomConnect    string
	RoomReconnect  string
	RoomDisconnect string

	LabelWhy         string
	LabelDo          string
	LabelFault       string
	LabelDetail      string
	LabelReference   string
	LabelCorrelation string
	LabelTime        string
	LabelApplication string
	LabelTenant      string
	LabelMailbox     string
	LabelAccount     string
	LabelSince       string
	LabelBy          string
	SignedInAs       string
	Footer           string
}

// sentences of one kind of message, for the templates.
type sentences struct {
	Title    string
	Happened string
	Why      string // "" where there is nothing to explain
	Do       string
}

// A standing is how a connection stands, in words for the templates.
type standing struct {
	Label string
	Means string
	Do    string // "" where there is nothing to do
}

var catalogues = map[Lang]*catalogue{
	English:            &english,
	TraditionalChinese: &traditionalChinese,
	SimplifiedChinese:  &simplifiedChinese,
}
