package caddymodule

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// errUnset: a variable of the environment has nothing in it.
var errUnset = errors.New("is not set, or empty")

// resolve replaces the placeholders of a required setting. An unset variable is
// an empty value to Caddy, and an unreadable file too: here both are errors.
func resolve(what, value string) (string, error) {
	if value == "" {
		return "", missing(what)
	}
	resolved, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err == nil {
		return resolved, nil
	}
	for _, name := range variables(value) {
		if os.Getenv(name) == "" {
			return "", fmt.Errorf("%s: the environment variable %s %w; set it for the service that runs onesgate, or name its file to the command: --envfile FILE", what, name, errUnset)
		}
	}
	if name, ok := placeholder(value, "file."); ok {
		return "", fmt.Errorf("%s: the file %s is missing, empty or not readable for the service that runs onesgate", what, name)
	}
	// Caddy's own error quotes the value, which may be a secret.
	return "", fmt.Errorf("%s: a placeholder in it can't be resolved; write {env.NAME} or {file./path}", what)
}

// resolveOr is resolve for a setting that may be left out.
func resolveOr(what, value, otherwise string) (string, error) {
	if value == "" {
		return otherwise, nil
	}
	return resolve(what, value)
}

// missing is the error about a setting that is not there.
type missing string

func (m missing) Error() string { return string(m) + " is missing; it is required" }

// pending says whether a value has, or may have, a placeholder in it, so that only
// Provision can tell what it is.
func pending(value string) bool { return strings.Contains(value, "{") }

// judged is a part of the configuration that can say what is wrong with it.
type judged[T any] interface {
	*T
	// complete says what is missing, or does not belong together, whatever the
	// values are: they may have placeholders.
	complete() error
	// check says what is wrong with the values that are there.
	check() error
}

// checkText is what can be said of a part as it stands in a file.
func checkText[T any, P judged[T]](v P) error {
	if err := v.complete(); err != nil {
		return err
	}
	known := literal(*v)
	return P(&known).check()
}

// settled returns a part with all its placeholders replaced, if nothing is wrong with it.
// The part itself keeps them: Caddy shows it to whoever asks for the configuration.
func settled[T any, P judged[T]](v P) (P, error) {
	r, err := resolved(*v)
	if err == nil {
		err = P(&r).complete()
	}
	if err == nil {
		err = P(&r).check()
	}
	return &r, err
}

// resolved returns a copy of v with the placeholders of all its strings replaced. The
// error names every one that can't be.
func resolved[T any](v T) (T, error) {
	var wrong []error
	copied := mapText(reflect.ValueOf(&v).Elem(), "", func(what, value string) (string, bool) {
		r, err := resolveOr(what, value, "")
		wrong = append(wrong, err)
		return r, true
	})
	return copied.Interface().(T), gathered(wrong...)
}

// literal returns a copy of v without the strings that have placeholders.
func literal[T any](v T) T {
	return mapText(reflect.ValueOf(&v).Elem(), "", func(_, value string) (string, bool) {
		if pending(value) {
			return "", false
		}
		return value, true
	}).Interface().(T)
}

// mapText returns a copy of v in which change has been at each string. What change
// doesn't keep is left out of lists and maps. Of what a string is, what tells: the word
// of the Caddyfile, or else of the JSON.
func mapText(v reflect.Value, what string, change func(what, value string) (_ string, keep bool)) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		s, _ := change(what, v.String())
		return reflect.ValueOf(s)
	case reflect.Struct:
		copied := reflect.New(v.Type()).Elem()
		copied.Set(v)
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				copied.Field(i).Set(mapText(v.Field(i), wordOf(f), change))
			}
		}
		return copied
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return v
		}
		copied := reflect.New(v.Type().Elem())
		copied.Elem().Set(mapText(v.Elem(), what, change))
		return copied
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return v
		}
		copied := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			element := v.Index(i)
			if element.Kind() != reflect.String {
				copied = reflect.Append(copied, mapText(element, what, change))
			} else if s, keep := change(what, element.String()); keep {
				copied = reflect.Append(copied, reflect.ValueOf(s))
			}
		}
		return copied
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		copied := reflect.MakeMap(v.Type())
		for _, key := range v.MapKeys() {
			k, keepKey := change(what, key.String())
			s, keep := change(what+" "+key.String(), v.MapIndex(key).String())
			if keepKey && keep {
				copied.SetMapIndex(reflect.ValueOf(k), reflect.ValueOf(s))
			}
		}
		return copied
	}
	return v
}

// wordOf returns what a field is called in the Caddyfile, if its tag has it, or in JSON.
func wordOf(f reflect.StructField) string {
	if word := f.Tag.Get("word"); word != "" {
		return word
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// variables returns the names of the environment variables in a value.
func variables(value string) (names []string) {
	for _, part := range strings.Split(value, "{env.")[1:] {
		if name, _, closed := strings.Cut(part, "}"); closed {
			names = append(names, name)
		}
	}
	return names
}

// placeholder returns the name in a value that is one placeholder and nothing else.
func placeholder(value, kind string) (string, bool) {
	inner, opened := strings.CutPrefix(value, "{"+kind)
	name, closed := strings.CutSuffix(inner, "}")
	return name, opened && closed && !strings.ContainsAny(name, "{}")
}
