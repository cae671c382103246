package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// decode reads an object of JSON into a struct, and tells all that is wrong with its names
// and kinds. Names are exactly those of the struct. odd are the fields whose value was not
// taken: nothing else can be said of them.
func decode(b []byte, into any, nearest func(string, []string) string) (odd []string, wrong []error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(b, &given); err != nil || given == nil {
		return nil, []error{errors.New("this must be an object, { … }")}
	}
	fields := map[string]reflect.Value{}
	for v, i := reflect.ValueOf(into).Elem(), 0; i < v.NumField(); i++ {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != "-" {
			fields[name] = v.Field(i)
		}
	}
	known := slices.Sorted(maps.Keys(fields))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		field, ok := fields[name]
		switch {
		case name == "client_secret":
			wrong = append(wrong, errors.New("client_secret stays out of this file: set the variable ONES_CLIENT_SECRET, or leave it out"))
			continue
		case !ok:
			wrong = append(wrong, unknown(name, known, nearest))
			continue
		case field.Type() == reflect.TypeFor[[]Room]():
			rooms, oddRooms, broken := decodeRooms(given[name], nearest)
			odd, wrong = append(odd, oddRooms...), append(wrong, broken...)
			field.Set(reflect.ValueOf(rooms))
			continue
		}
		if err := json.Unmarshal(given[name], field.Addr().Interface()); err != nil {
			wrong, odd = append(wrong, fmt.Errorf("%s must be %s", name, kinds[field.Kind()])), append(odd, name)
		}
	}
	return odd, wrong
}

// kinds of values, in words.
var kinds = map[reflect.Kind]string{
	reflect.String: `a text in quotes, such as "contoso"`,
	reflect.Int:    "a whole number without quotes, such as 12",
	reflect.Slice:  `a list of texts, such as ["staff"]`,
}

// decodeRooms is decode for the rooms; odd are "rooms", or some of them: rooms[0].
func decodeRooms(b []byte, nearest func(string, []string) string) (rooms []Room, odd []string, wrong []error) {
	var given []json.RawMessage
	if err := json.Unmarshal(b, &given); err != nil {
		return nil, []string{"rooms"}, []error{errors.New(`rooms must be a list of objects, such as [{"name": "boardroom", "address": "boardroom@contoso.com"}]`)}
	}
	for i, one := range given {
		var r Room
		which := fmt.Sprintf("rooms[%d]", i)
		oddFields, broken := decode(one, &r, nearest)
		if len(oddFields) > 0 || r == (Room{}) && len(broken) > 0 {
			odd = append(odd, which)
		}
		for _, err := range broken {
			wrong = append(wrong, named(which, err))
		}
		rooms = append(rooms, r)
	}
	return rooms, odd, wrong
}

// unknown is the error for a name that is none of these.
func unknown(name string, known []string, nearest func(string, []string) string) error {
	if near := nearest(name, known); near != "" {
		return fmt.Errorf("%q is no name here; did you mean %s?", name, near)
	}
	return fmt.Errorf("%q is no name here; there are %s", name, strings.Join(known, ", "))
}

// whole says what is wrong with b as JSON, and in which line; nil: it is one value.
func whole(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	var v json.RawMessage
	if err := dec.Decode(&v); err != nil {
		if at, ok := errors.AsType[*json.SyntaxError](err); ok {
			line := 1 + bytes.Count(b[:min(int(at.Offset), len(b))], []byte("\n"))
			return fmt.Errorf("this is no JSON of answers: in line %d: %w", line, err)
		}
		return fmt.Errorf("this is no JSON of answers: %w", err)
	}
	if dec.More() {
		return errors.New("something comes after the answers; one object is all that is read")
	}
	return nil
}
