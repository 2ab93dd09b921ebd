package main

// This file says in Chinese what is wrong with a published log. The packages that find it speak English; a reason without words here is
// shown as it is.

// publishedWords are the reasons why a published log does not verify, as damageWords.
var publishedWords = []reasonWords{
	{damageWord(`it is missing`), "没有这个文件"},
	{damageWord(`it is empty`), "文件是空的"},
	{damageWord(`it is not the public key of a log and a line feed`), "不是一行账簿的公钥"},
	{damageWord(`it is of another log than the key given`), "是另一本账簿的,不是所给公钥的"},
	{damageWord(`it is another key than the one given, and did not sign the checkpoint`), "不是所给的公钥,也没有签 checkpoint"},
	{damageWord(`it is another key than the one given, and without the events nobody can tell whether it came after it`), "不是所给的公钥;没有各笔,看不出是不是后来换的"},
	{damageWord(`it is another key than the one given, and does not follow from it: (.*)`), "不是所给的公钥,也不是由它换来的(%s)"},
	{damageWord(`it is another key than the one given; whether it came after it shows when the whole log is checked`), "不是所给的公钥;是不是后来换的,核验整本账簿才知道"},
	{damageWord(`it is not the key of this log, which is (.*)`), "不是这本账簿的公钥,这本的是 %s"},
	{damageWord(`it is of the log (.*), this log is (.*)`), "是账簿 %s 的,这本是 %s"},
	{damageWord(`the key of this log did not sign it, or it was changed \((.*)\)`), "不是这本账簿的公钥签的,或者被改过(%s)"},
	{damageWord(`open head of (.*): invalid signature for key (.*)`), "%s 的签名不对(公钥 %s):内容被改过"},
	{damageWord(`open head of (.*): note has no verifiable signatures`), "没有 %s 的这把公钥的签名"},
	{damageWord(`(\d+) events are published and the log has (\d+): it is an older copy`), "已公布 %s 笔,这本账簿只有 %s 笔:它是旧的"},
	{damageWord(`the first (\d+) events have the root (\S+) there and (\S+) in this log: one of them is a fork`), "前 %s 笔的根那里是 %s,这里是 %s:其中一本分叉了"},
	{damageWord(`events were published here, and now only the checkpoint may be`), "这里公布过各笔,现在只许公布 checkpoint"},
	{damageWord(`it does not have the hashes of the log`), "其中的哈希不是账簿的"},
	{damageWord(`it does not have the hash that the log has for it`), "内容被改过,与账簿的哈希不符"},
	{damageWord(`it does not have the hash that the tile has for it, and neither gives the root of the checkpoint`), "它与哈希文件不符,两者都得不出 checkpoint 的根"},
	{damageWord(`the events do not have its root: .*`), "各笔得不出它的根:是另一本账簿的,或者各笔和哈希一起被改过"},
	{damageWord(`the tile has a wrong hash for it; the event is the one of the checkpoint`), "哈希文件里它的哈希不对;这一笔本身与 checkpoint 相符"},
	{damageWord(`it is not the entries of its size, each behind its length`), "不是应有的那些笔,或者长度不对"},
	{damageWord(`it has (\d+) bytes, not (\d+)`), "有 %s 字节,应是 %s 字节"},
	{damageWord(`it has more than (\d+) bytes`), "超过 %s 字节"},
	{damageWord(`it is no plain file`), "不是普通文件"},
	{damageWord(`it is not what was published: an edition never changes`), "不是当时公布的:公示文本从不改动"},
	{damageWord(`it was replaced meanwhile: try again`), "刚才被换过,请再试一次"},
	{damageWord(`it does not follow from those before it: (.*)`), "与它以前各笔接不上(%s)"},
	{damageWord(`it cannot be read: (.*)`), "读不出(%s)"},
	{damageWord(`(\S+) is not the text that the log gives`), "%s 不是账簿得出的文本,被改过"},
	{damageWord(`(\S+) is not of this log`), "%s 不是这本账簿的"},
	{damageWord(`(\S+) is missing`), "没有 %s"},
	{damageWord(`(\S+) proves something else`), "%s 证明的是别的"},
	{damageWord(`(\S+) has the digest (\S+), and (\S+) was published`), "%s 的摘要是 %s,公示的是 %s"},
	{damageWord(`the log has no such edition`), "账簿里没有这一期"},
}

// reasonChinese puts a reason into Chinese.
func reasonChinese(reason string) string { return inWords(publishedWords, chinese, reason) }
