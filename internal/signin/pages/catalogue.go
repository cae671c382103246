package pages

// A catalogue holds every sentence of the pages in one language.
type catalogue struct {
	words    words
	texts    [numTexts]string
	faults   [numFaults]string
	messages [numKinds]sentences
}

// words are the templates' own.
type words struct {
	LoginTitle       string
	LoginLead        string
	LoginAssurance   string
	LoginNoButtons   string
	LogoutTitle      string
	LogoutLead       string
	LogoutEverywhere string
	LogoutConfirm    string
	LogoutStay       string
	LabelWhy         string
	LabelDo          string
	LabelFault       string
	LabelDetail      string
	LabelReference   string
	SignedInAs       string
	Footer           string
}

// sentences of one kind of message.
type sentences struct {
	title    string
	happened string
	why      string // "" where there is nothing to explain
	do       string
}

var catalogues = map[Lang]*catalogue{
	English:            &english,
	TraditionalChinese: &traditionalChinese,
	SimplifiedChinese:  &simplifiedChinese,
}
