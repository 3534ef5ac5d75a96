import { loadSettings } from '../settings.ts'
import { runGateway } from './run-gateway.ts'

// Started by the supervisor under Node's permission model; its environment holds the settings of a gateway and nothing else.
const words = process.argv.slice(2)
const valueOf = (name: string) => words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3)
await runGateway(loadSettings(), {
  supervised: true,
  number: Number(valueOf('number') ?? 1),
  sharedPort: words.includes('--shared-port'),
  expectRelease: words.includes('--expect-release'),
  alone: words.includes('--alone'),
  controlCertFile: valueOf('control-cert'),
})
