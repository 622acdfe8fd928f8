import '../src/oidc/core-notices.ts';
import { openBenchServer } from './database.ts';
import { applyTenants, startGatehouse, startBare } from './servers.ts';
import { writeBlueprint } from './site.ts';
import { pinSelf } from './machine.ts';
import { prepareLoad } from './load.ts';
pinSelf();
const server = await openBenchServer(); const db = await server.create();
await applyTenants(db, writeBlueprint('/tmp/hb/ten.yaml', 10));
const D='/t/t00000/.well-known/openid-configuration';
const g = await startGatehouse(db, D); const b = await startBare();
const mk=(name:string,method:'GET'|'POST',path:string,form?:string,headers='')=>({name,prepare:async()=>{},step:async(c:any)=>{const a=await c.send(method,path,{...(form!==undefined&&{form}),headers}); (globalThis as any).last=a.status;}});
const basic='authorization: Basic '+Buffer.from('robot:robot-secret-robot-secret-robot-32').toString('base64')+'\r\n';
const conc=16;
try {
for (const [name,m,path,form,h] of [['health','GET','/health'],['404','GET','/oauth/nothing'],['token no grant','POST','/oauth/token','a=b',basic],['introspect unknown','POST','/oauth/introspect','token=xyz',basic],['introspect unknown gha','POST','/oauth/introspect','token=gha_xyz',basic],['discovery','GET','/.well-known/openid-configuration'],['jwks','GET','/.well-known/jwks.json']] as any) {
  const out=[];
  for (const [s,mount] of [[b,''],[g,'/t/t00000']] as any) { const l=await prepareLoad(s,mk(name,m,path==='/health'?path:mount+path,form,h) as any,conc); await l.run(0.7); const r=[]; for(let i=0;i<3;i++) r.push((await l.run(0.8)).cpuMsEach); r.sort(); out.push((r[1]!*1000).toFixed(1)+'us('+(globalThis as any).last+')'); l.close(); }
  console.log(name.padEnd(24), 'bare',out[0],'ours',out[1]);
}
} finally { await g.stop(); await b.stop(); await server.stop(); }
process.exit(0);
