import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../kit/free-port.ts'
import { startChild } from './child.ts'
import type { Contestant } from './contestant.ts'
import { serverCore } from './machine.ts'

const program = '/usr/sbin/nginx'
const luaModules = ['/usr/lib/nginx/modules/ndk_http_module.so', '/usr/lib/nginx/modules/ngx_http_lua_module.so']

/** Whether nginx with Lua is there, as Debian has it: `nginx libnginx-mod-http-lua lua-cjson`. */
export function hasLua(): boolean {
  return existsSync(program) && luaModules.every((file) => existsSync(file))
}

/** What `proxy_pass http://upstream` needs to keep its connections. */
export const proxied = "proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_buffers 64 8k;"

/** One worker of nginx with Lua. `locations` is what its server has; `upstream` names the port of the service behind it; `probe` is a path that it answers. */
export function nginxLua(upstream: number, locations: string, probe: string): Contestant {
  return {
    name: 'nginxLua',
    async start() {
      const folder = mkdtempSync(join(tmpdir(), 'sluice-nginx-'))
      const port = await freePort()
      writeFileSync(join(folder, 'nginx.conf'), `
${luaModules.map((file) => `load_module ${file};`).join('\n')}
daemon off; master_process off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log crit;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
  keepalive_requests 10000000;
  lua_package_path '/usr/share/lua/5.1/?.lua;;'; lua_package_cpath '/usr/lib/x86_64-linux-gnu/lua/5.1/?.so;/usr/lib/aarch64-linux-gnu/lua/5.1/?.so;;';
  upstream upstream { server 127.0.0.1:${upstream}; keepalive 128; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port};
    ${locations}
  }
}`)
      const child = startChild(program, ['-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')], { core: serverCore })
      for (let tries = 0; ; tries++) {
        if (await fetch(`http://127.0.0.1:${port}${probe}`).then((answer) => answer.ok, () => false)) break
        if (tries > 100) throw new Error('nginx did not start')
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      return {
        port,
        pid: child.pid,
        async stop() {
          await child.stop()
          rmSync(folder, { recursive: true, force: true })
        },
      }
    },
  }
}
