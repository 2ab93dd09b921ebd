package snapshot

import (
	"reflect"
	"strings"
)

// sampleMax is how many things of a list or map are looked at; the others are taken to be like them.
const sampleMax = 64

// Size estimates the memory that v, a pointer, holds: within about a third for values with many parts, in time that hardly
// grows with them, for it looks at samples. Parts that two holders point to count once. It reads v.
func Size(v any) int64 {
	s := &sizer{shared: map[holding]float64{}}
	s.into = &s.own
	value := reflect.ValueOf(v)
	s.add(float64(value.Type().Elem().Size()))
	s.deep(value.Elem(), 1, value.Type())
	total := s.own
	most := map[reflect.Type]float64{} // of those who hold values of a type, the one who holds the most of it
	for h, bytes := range s.shared {
		most[h.target] = max(most[h.target], bytes)
	}
	for _, bytes := range most {
		total += bytes
	}
	return int64(total)
}

// holding is what values of one type point to, of another type. Items that stand in a list and in a map are held by both.
type holding struct{ holder, target reflect.Type }

type sizer struct {
	own    float64
	shared map[holding]float64
	into   *float64 // where the value at hand counts
}

func (s *sizer) add(bytes float64) { *s.into += bytes }

// deep counts what v refers to, but not v itself, times.
func (s *sizer) deep(v reflect.Value, times float64, holder reflect.Type) {
	switch t := v.Type(); t.Kind() {
	case reflect.String:
		s.add(times * float64(rounded(v.Len())))
	case reflect.Slice:
		s.add(times * float64(rounded(v.Cap()*int(t.Elem().Size()))))
		s.items(v, times)
	case reflect.Array:
		s.items(v, times)
	case reflect.Map:
		s.entries(v, times)
	case reflect.Pointer:
		if !v.IsNil() && !foreign(t.Elem()) {
			s.target(v.Elem(), times, holding{holder, t.Elem()})
		}
	case reflect.Interface:
		if !v.IsNil() {
			s.deep(v.Elem(), times, t)
		}
	case reflect.Struct:
		if foreign(t) {
			return
		}
		for i := range t.NumField() {
			if refers(t.Field(i).Type) {
				s.deep(v.Field(i), times, t.Field(i).Type)
			}
		}
	}
}

// foreign says that a type's insides belong to others: locks, zones, and what messages share with all of their type.
func foreign(t reflect.Type) bool {
	return strings.HasPrefix(t.PkgPath(), "sync") || t.PkgPath() == "time" || strings.HasPrefix(t.PkgPath(), "google.golang.org/protobuf/internal")
}

func (s *sizer) target(v reflect.Value, times float64, h holding) {
	var bytes float64
	before := s.into
	s.into = &bytes
	s.add(times * float64(rounded(int(v.Type().Size()))))
	s.deep(v, times, v.Type())
	s.into = before
	s.shared[h] += bytes
}

func (s *sizer) items(v reflect.Value, times float64) {
	n := v.Len()
	if n == 0 || !refers(v.Type().Elem()) {
		return
	}
	look := min(n, sampleMax)
	each := times * float64(n) / float64(look)
	for i := range look {
		s.deep(v.Index(i*n/look), each, v.Type())
	}
}

// entries counts a map: the tables are full by three quarters on average, with a byte for each place.
func (s *sizer) entries(v reflect.Value, times float64) {
	n, t := v.Len(), v.Type()
	if v.IsNil() {
		return
	}
	slot := float64(t.Key().Size()+t.Elem().Size()) + 1
	places := float64(n) * 4 / 3
	if places < 8 {
		places = 8
	}
	s.add(times * (48 + slot*places))
	if n == 0 || !refers(t.Key()) && !refers(t.Elem()) {
		return
	}
	look := min(n, sampleMax)
	each := times * float64(n) / float64(look)
	for it := v.MapRange(); look > 0 && it.Next(); look-- {
		s.deep(it.Key(), each, t)
		s.deep(it.Value(), each, t)
	}
}

// refers says whether values of a type may refer to memory of their own.
func refers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return true
	case reflect.Array:
		return refers(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if refers(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// rounded is the size of the memory given out for a number of bytes, about: classes are an eighth apart.
func rounded(bytes int) int {
	switch {
	case bytes == 0:
		return 0
	case bytes <= 16:
		return (bytes + 7) &^ 7
	case bytes <= 256:
		return (bytes + 15) &^ 15
	}
	return bytes + bytes/16
}
