#pragma once

namespace reagent::detail {

/// GET /: reads /openapi.json, and sends what is typed. Needs nothing from elsewhere.
inline constexpr const char* try_page = R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Try it</title>
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:0 auto;padding:1rem}
h1{font-size:1.3rem}
label{display:block;margin:.8rem 0 .2rem;font-weight:600}
select,input[type=password],textarea{width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #767676;border-radius:6px}
textarea,pre{font-family:ui-monospace,monospace;font-size:.9rem}
textarea{min-height:9rem}
button{font:inherit;padding:.5rem 1.2rem;margin:1rem .5rem 0 0;border-radius:6px;border:1px solid #767676;cursor:pointer}
pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #767676;border-radius:6px;padding:.7rem;min-height:3rem}
.row{display:flex;gap:.5rem;align-items:center;margin-top:.8rem}.row label{margin:0;font-weight:400}
</style></head><body><main>
<h1 id="title">Try it</h1>
<p>The description is at <a href="/openapi.json">/openapi.json</a>. What you send here is answered by the real program.</p>
<label for="key">Key (kept in this page only)</label><input id="key" type="password" autocomplete="off">
<label for="path">Path</label><select id="path"></select>
<label for="body">Body</label><textarea id="body" spellcheck="false"></textarea>
<div class="row"><input type="checkbox" id="stream"><label for="stream">as events, while it is written</label></div>
<button id="send">Send</button><button id="stop" disabled>Stop</button>
<h2 id="status" role="status" aria-live="polite" style="font-size:1rem">No answer yet</h2><pre id="out" tabindex="0" aria-label="Answer"></pre>
</main><script>
'use strict';
const $=id=>document.getElementById(id);let doc=null,ctl=null;
const auth=()=>$('key').value?{Authorization:'Bearer '+$('key').value}:{};
function schemaOf(s){while(s&&s.$ref)s=s.$ref.split('/').slice(1).reduce((o,k)=>o[k.replace(/~1/g,'/').replace(/~0/g,'~')],doc);return s||{}}
function example(s,d=0){s=schemaOf(s);if(d>4)return null;if('default'in s)return s.default;if(s.enum)return s.enum[0];if(s.anyOf)return example(s.anyOf[0],d+1);
 const t=Array.isArray(s.type)?s.type[0]:s.type;
 if(t==='object'){const o={};for(const k of s.required||[])o[k]=example((s.properties||{})[k],d+1);return o}
 return t==='array'?[]:t==='integer'||t==='number'?0:t==='boolean'?false:t==='null'?null:'...'}
function fill(){const op=doc.paths[$('path').value].post;const c=op.requestBody&&op.requestBody.content['application/json'];
 $('body').value=c?JSON.stringify(c.example||example(c.schema),null,2):''}
async function load(){try{const r=await fetch('/openapi.json',{headers:auth()});if(!r.ok){$('status').textContent=r.status===401?'Enter a key':'Status '+r.status;return}
 doc=await r.json();$('title').textContent=doc.info.title;document.title=doc.info.title;$('path').textContent='';
 for(const[p,o]of Object.entries(doc.paths))if(o.post&&!p.includes('{')){const e=document.createElement('option');e.value=e.textContent=p;$('path').append(e)}
 if($('path').value)fill()}catch(e){$('status').textContent=String(e)}}
async function send(){ctl=new AbortController();$('stop').disabled=false;$('out').textContent='';$('status').textContent='Waiting';
 try{const r=await fetch($('path').value,{method:'POST',signal:ctl.signal,body:$('body').value,
  headers:{...auth(),'Content-Type':'application/json',...($('stream').checked?{Accept:'text/event-stream'}:{})}});
  $('status').textContent='Status '+r.status+(r.headers.get('X-Program-Version')?', version '+r.headers.get('X-Program-Version'):'');
  const rd=r.body.getReader(),td=new TextDecoder();for(;;){const{done,value}=await rd.read();if(done)break;$('out').textContent+=td.decode(value,{stream:true})}
  try{$('out').textContent=JSON.stringify(JSON.parse($('out').textContent),null,2)}catch{}
 }catch(e){$('status').textContent=String(e)}$('stop').disabled=true}
$('key').addEventListener('change',load);$('path').addEventListener('change',fill);$('send').addEventListener('click',send);
$('stop').addEventListener('click',()=>ctl&&ctl.abort());load();
</script></body></html>
)page";

}  // namespace reagent::detail
