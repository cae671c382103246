package pages

import (
	"strings"

	"golang.org/x/text/language"
)

// A Lang is one of the languages the pages are written in, as a BCP 47 tag.
type Lang string

// The languages. English is what those get who ask for none of them.
const (
	English            Lang = "en"
	TraditionalChinese Lang = "zh-Hant"
	SimplifiedChinese  Lang = "zh-Hans"
)

// maxAcceptLanguage is how much of an Accept-Language header is read, in bytes.
// Browsers send less than 100; parsing costs time in proportion.
const maxAcceptLanguage = 256

// langs and the tags of matcher stand in the same order.
var (
	langs   = []Lang{English, TraditionalChinese, SimplifiedChinese}
	matcher = language.NewMatcher([]language.Tag{
		language.English, language.TraditionalChinese, language.SimplifiedChinese,
	})
)

// Match chooses the language for the value of an Accept-Language header
// (RFC 9110, section 12.5.4). A region stands for its script: zh-HK reads
// Traditional Chinese, zh-SG Simplified. What can't be understood is English.
func Match(acceptLanguage string) Lang {
	if len(acceptLanguage) > maxAcceptLanguage {
		acceptLanguage = acceptLanguage[:maxAcceptLanguage]
		// A language cut in the middle might read as another one.
		acceptLanguage = acceptLanguage[:max(0, strings.LastIndexByte(acceptLanguage, ','))]
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return English
	}
	// One at a time, most wanted first: given "zh-HK, zh" together, the matcher
	// prefers the plain zh, which is written exactly so, and with it the wrong script.
	for _, tag := range tags {
		if _, i, confidence := matcher.Match(tag); confidence > language.No {
			return langs[i]
		}
	}
	return English
}
