package pages

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		name, accept string
		want         Lang
	}{
		{"no header", "", English},
		{"english", "en-GB,en;q=0.9", English},
		{"hong kong", "zh-HK,zh;q=0.9,en;q=0.8", TraditionalChinese},
		{"taiwan", "zh-TW", TraditionalChinese},
		{"macao", "zh-MO", TraditionalChinese},
		{"script", "zh-Hant", TraditionalChinese},
		{"script and region", "zh-Hant-HK", TraditionalChinese},
		{"mainland", "zh-CN,zh;q=0.9", SimplifiedChinese},
		{"singapore", "zh-SG", SimplifiedChinese},
		{"plain chinese", "zh", SimplifiedChinese},
		{"weights decide, not order", "zh-CN;q=0.2,zh-HK;q=0.9", TraditionalChinese},
		{"english preferred to chinese", "en,zh-HK;q=0.5", English},
		{"unknown first", "fr,zh-HK;q=0.5", TraditionalChinese},
		{"unknown only", "fr", English},
		{"any", "*", English},
		{"refused", "zh-HK;q=0,en", English},
		{"nonsense", "\x00;;=,,", English},
		{"beyond the bound", strings.Repeat("fr,", 200) + "zh-HK", English},
		{"cut within a language", strings.Repeat(" ", 253) + "zh-Hant", English},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Match(tt.accept); got != tt.want {
				t.Errorf("Match(%.60q) = %q, want %q", tt.accept, got, tt.want)
			}
		})
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("zh-HK,zh;q=0.9,en;q=0.8")
	f.Add(strings.Repeat("x-", 500))
	f.Fuzz(func(t *testing.T, accept string) {
		if got := Match(accept); catalogues[got] == nil {
			t.Errorf("Match(%q) = %q, which has no catalogue", accept, got)
		}
	})
}
