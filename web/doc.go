// Package web is the pages: the public board, the desks of treasurer and committee, signing in, administration. It is a client of the
// services like any other (package rpc, in process) and adds nothing up: every figure on a page is one that the API gave.
//
// One request is one visit (visit.go): its language, its moment, whose key it carries, and how addresses are written. A page is a method
// of site that asks the services and gives a component (templ); what it cannot show it answers as an error, and the frame around all pages
// (serve.go) turns refusals, missing sign-ins and faults into pages too. What every page shares looks is in layout.templ and parts.templ,
// the style in the files of style, one behind the other: tokens, base and parts, then a
// file for each part of the site, then print; board and desks have a sheet each.
//
// Addresses are paths: /b/<collective>/… is public, /d/<collective>/… are the desks, /en in front of either is the English page of the
// same place. The public pages are written to files by Publish, with the same templates: there addresses are relative, and what only a
// server can do is left out.
//
// Pages work without script. assets/page.js adds what a device can do by itself: drafts, amounts in capitals, smaller pictures.
package web
