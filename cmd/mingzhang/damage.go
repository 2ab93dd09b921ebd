package main

import (
	"fmt"
	"regexp"
)

// damageWords are the reasons of damage as the stores and the trees give them, and what they are in Chinese. What stands in one of
// them otherwise each time is put into %s in the order it comes.
var damageWords = []reasonWords{
	{damageWord(`the head file (.*) is not valid: (\d+) of its (\d+) signatures are of keys of the log; it is another secret, or the signer has lost its list of keys`),
		"签名的根 %s 不对:其中 %s 个签名(共 %s 个)是这本账簿的公钥的。或者 secret 不是原来的,或者签名进程丢了公钥清单(*.keys)"},
	{damageWord(`the event is missing`), "这一笔不见了"},
	{damageWord(`the event is missing, later ones are there`), "这一笔不见了,后面的还在"},
	{damageWord(`the stored bytes do not have the hash that was remembered`), "存着的字节与记下的散列值不符,被改过"},
	{damageWord(`the log is shorter than its head: events are missing, it has (\d+) of (\d+)`), "账簿比签名的根短,少了记录:只有 %s 笔,应有 %s 笔"},
	{damageWord(`events are missing: the signer has signed (\d+) events and the log has (\d+), it was put back to an earlier state`), "少了记录:签名者已签到第 %s 笔,账簿只有 %s 笔,被退回到了较早的状态"},
	{damageWord(`the first (\d+) events do not have the root that the signer has signed: the log was rewritten`), "前 %s 笔的根与签名者签过的不符,账簿被改写过"},
	{damageWord(`somebody told the server to hide or remove its events: (.*)`), "有人要服务器隐藏或删除它的记录:%s"},
	{damageWord(`the next event has version (\d+): those before it are missing, or hidden by \$tb, \$maxCount or \$maxAge`), "接下来的是第 %s 笔:前面的不见了,或被 $tb、$maxCount、$maxAge 隐藏了"},
	{damageWord(`somebody else wrote it: its id is not that of its bytes`), "是别人写入的:编号与内容不符"},
	{damageWord(`it cannot be read, though the stream has (\d+) events`), "读不出来,虽然共有 %s 笔"},
	{damageWord(`it ends here, though the store has had (\d+) events`), "到此为止,但存放处有过 %s 笔"},
	{damageWord(`the stream was deleted; this program never deletes books`), "这本账簿被删除了;本程序从不删除账簿"},
	{damageWord(`somebody deleted it from the store`), "有人把它从存放处删除了"},
	{damageWord(`the bytes are no event: (.*)`), "这些字节不是一笔记录(%s)"},
	{damageWord(`the bytes say version (\d+)`), "内容自称是第 %s 笔"},
	{damageWord(`the bytes hold (\S+), the row says (.*)`), "内容是 %s,却标作 %s"},
	{damageWord(`the fact is of a kind this program does not know; a newer one wrote it`), "是本程序不认识的一种记录,由更新的版本写入"},
	{damageWord(`the first event of a collective is not its founding`), "第一笔不是成立"},
	{damageWord(`more is wrong behind this version and not listed`), "后面还有问题,没有列出"},
	{damageWord(notOurs), "不是本程序的账簿"},
}

func damageWord(en string) *regexp.Regexp { return regexp.MustCompile("^" + en + "$") }

// reasonWords is a reason and its words in Chinese, with %s for each group in its order.
type reasonWords struct {
	en *regexp.Regexp
	zh string
}

// damageIn is a reason of damage in words of the reader's language; one that is not known stays as it is.
func damageIn(l language, reason string) string { return inWords(damageWords, l, reason) }

func inWords(known []reasonWords, l language, reason string) string {
	for _, one := range known {
		found := one.en.FindStringSubmatch(reason)
		if found == nil {
			continue
		}
		figures := make([]any, len(found)-1)
		for i, f := range found[1:] {
			figures[i] = f
		}
		return l.text(fmt.Sprintf(one.zh, figures...), reason)
	}
	return reason
}
