import { ByteStream } from './byte-stream.ts'
import { Tunnel } from './tunnel.ts'

/** Whether a payload is there for one reader: nobody can keep it, or give it twice. */
export function passesOnce(payload: unknown): payload is ByteStream | Tunnel {
  return payload instanceof ByteStream || payload instanceof Tunnel
}
