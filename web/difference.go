package web

import "strings"

// differences lists what two texts do not have in common, line by line in order: what the older has alone, and what the newer has alone.
// Lines that are longer in common are found first from both ends; what is between is compared by its longest common run of lines. Texts
// whose middles are too long for that are compared as sets of lines.
func differences(older, newer string) (list []difference) {
	a, b := strings.Split(strings.TrimSuffix(older, "\n"), "\n"), strings.Split(strings.TrimSuffix(newer, "\n"), "\n")
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	keptA, keptB := common(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && !keptA[i]:
			list = append(list, difference{false, a[i]})
			i++
		case j < len(b) && !keptB[j]:
			list = append(list, difference{true, b[j]})
			j++
		default: // both are kept, and stand for each other
			i, j = i+1, j+1
		}
	}
	return list
}

// cellsMax bounds the table that the longest common run of lines is found with.
const cellsMax = 4 << 20

// common marks the lines of two texts that both have, in the same order.
func common(a, b []string) (inA, inB []bool) {
	inA, inB = make([]bool, len(a)), make([]bool, len(b))
	if len(a)*len(b) > cellsMax {
		return inA, inB
	}
	width := len(b) + 1
	length := make([]uint32, (len(a)+1)*width) // of the longest common run of a[i:] and b[j:]
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i*width+j] = length[(i+1)*width+j+1] + 1
			} else {
				length[i*width+j] = max(length[(i+1)*width+j], length[i*width+j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			inA[i], inB[j] = true, true
			i, j = i+1, j+1
		case length[(i+1)*width+j] >= length[i*width+j+1]:
			i++
		default:
			j++
		}
	}
	return inA, inB
}
