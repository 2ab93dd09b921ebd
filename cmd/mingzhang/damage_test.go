package main

import (
	"strings"
	"testing"
)

// TestDamageIsTold in both languages; a reason that nobody knows is not lost.
func TestDamageIsTold(t *testing.T) {
	for reason, zh := range map[string]string{
		"the event is missing, later ones are there":                                                        "这一笔不见了,后面的还在",
		"the log is shorter than its head: events are missing, it has 150 of 172":                           "账簿比签名的根短,少了记录:只有 150 笔,应有 172 笔",
		"somebody told the server to hide or remove its events: $maxCount 2":                                "有人要服务器隐藏或删除它的记录:$maxCount 2",
		"the bytes hold income_recorded, the row says x":                                                    "内容是 income_recorded,却标作 x",
		"the next event has version 7: those before it are missing, or hidden by $tb, $maxCount or $maxAge": "接下来的是第 7 笔:前面的不见了,或被 $tb、$maxCount、$maxAge 隐藏了",
		notOurs: "不是本程序的账簿",
		"?":     "?",
	} {
		if got := damageIn(chinese, reason); got != zh {
			t.Errorf("%s: %s, want %s", reason, got, zh)
		}
		if got := damageIn("en", reason); got != reason {
			t.Errorf("%s: %s", reason, got)
		}
		if f := damagedAt("s", 3, reason); !strings.Contains(f.zh, zh) || !strings.Contains(f.en, reason) {
			t.Errorf("%s: %+v", reason, f)
		}
	}
}
