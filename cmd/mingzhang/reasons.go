package main

import "regexp"

// This file says in Chinese what is wrong with a published log. The packages that find it speak English; a reason without words here is
// shown as it is.

// reasonsChinese are reasons and their words, in which $1, $2 … stand for what the reason has in its groups.
var reasonsChinese = []struct {
	reason *regexp.Regexp
	words  string
}{
	{regexp.MustCompile(`^it is missing$`), "没有这个文件"},
	{regexp.MustCompile(`^it is empty$`), "文件是空的"},
	{regexp.MustCompile(`^it is not the public key of a log and a line feed$`), "不是一行账簿的公钥"},
	{regexp.MustCompile(`^it is of another log than the key given$`), "是另一本账簿的,不是所给公钥的"},
	{regexp.MustCompile(`^it is another key than the one given, and did not sign the checkpoint$`), "不是所给的公钥,也没有签 checkpoint"},
	{regexp.MustCompile(`^it is another key than the one given, and without the events nobody can tell whether it came after it$`), "不是所给的公钥;没有各笔,看不出是不是后来换的"},
	{regexp.MustCompile(`^it is another key than the one given, and does not follow from it: (.*)$`), "不是所给的公钥,也不是由它换来的($1)"},
	{regexp.MustCompile(`^it is another key than the one given; whether it came after it shows when the whole log is checked$`), "不是所给的公钥;是不是后来换的,核验整本账簿才知道"},
	{regexp.MustCompile(`^it is not the key of this log, which is (.*)$`), "不是这本账簿的公钥,这本的是 $1"},
	{regexp.MustCompile(`^it is of the log (.*), this log is (.*)$`), "是账簿 $1 的,这本是 $2"},
	{regexp.MustCompile(`^the key of this log did not sign it, or it was changed \((.*)\)$`), "不是这本账簿的公钥签的,或者被改过($1)"},
	{regexp.MustCompile(`^open head of (.*): invalid signature for key (.*)$`), "$1 的签名不对(公钥 $2):内容被改过"},
	{regexp.MustCompile(`^open head of (.*): note has no verifiable signatures$`), "没有 $1 的这把公钥的签名"},
	{regexp.MustCompile(`^(\d+) events are published and the log has (\d+): it is an older copy$`), "已公布 $1 笔,这本账簿只有 $2 笔:它是旧的"},
	{regexp.MustCompile(`^the first (\d+) events have the root (\S+) there and (\S+) in this log: one of them is a fork$`), "前 $1 笔的根那里是 $2,这里是 $3:其中一本分叉了"},
	{regexp.MustCompile(`^events were published here, and now only the checkpoint may be$`), "这里公布过各笔,现在只许公布 checkpoint"},
	{regexp.MustCompile(`^it does not have the hashes of the log$`), "其中的哈希不是账簿的"},
	{regexp.MustCompile(`^it does not have the hash that the log has for it$`), "内容被改过,与账簿的哈希不符"},
	{regexp.MustCompile(`^it does not have the hash that the tile has for it, and neither gives the root of the checkpoint$`), "它与哈希文件不符,两者都得不出 checkpoint 的根"},
	{regexp.MustCompile(`^the events do not have its root: .*$`), "各笔得不出它的根:是另一本账簿的,或者各笔和哈希一起被改过"},
	{regexp.MustCompile(`^the tile has a wrong hash for it; the event is the one of the checkpoint$`), "哈希文件里它的哈希不对;这一笔本身与 checkpoint 相符"},
	{regexp.MustCompile(`^it is not the entries of its size, each behind its length$`), "不是应有的那些笔,或者长度不对"},
	{regexp.MustCompile(`^it has (\d+) bytes, not (\d+)$`), "有 $1 字节,应是 $2 字节"},
	{regexp.MustCompile(`^it has more than (\d+) bytes$`), "超过 $1 字节"},
	{regexp.MustCompile(`^it is no plain file$`), "不是普通文件"},
	{regexp.MustCompile(`^it is not what was published: an edition never changes$`), "不是当时公布的:公示文本从不改动"},
	{regexp.MustCompile(`^it was replaced meanwhile: try again$`), "刚才被换过,请再试一次"},
	{regexp.MustCompile(`^it does not follow from those before it: (.*)$`), "与它以前各笔接不上($1)"},
	{regexp.MustCompile(`^it cannot be read: (.*)$`), "读不出($1)"},
	{regexp.MustCompile(`^(\S+) is not the text that the log gives$`), "$1 不是账簿得出的文本,被改过"},
	{regexp.MustCompile(`^(\S+) is not of this log$`), "$1 不是这本账簿的"},
	{regexp.MustCompile(`^(\S+) is missing$`), "没有 $1"},
	{regexp.MustCompile(`^(\S+) proves something else$`), "$1 证明的是别的"},
	{regexp.MustCompile(`^(\S+) has the digest (\S+), and (\S+) was published$`), "$1 的摘要是 $2,公示的是 $3"},
	{regexp.MustCompile(`^the log has no such edition$`), "账簿里没有这一期"},
}

// reasonChinese puts a reason into Chinese.
func reasonChinese(reason string) string {
	for _, r := range reasonsChinese {
		if r.reason.MatchString(reason) {
			return r.reason.ReplaceAllString(reason, r.words)
		}
	}
	return reason
}
