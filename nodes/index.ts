import type { NodeDefinition } from '../runtime/core/node.ts'
import { accessControl } from './access-control/access-control.ts'
import { afterResponse } from './after-response/after-response.ts'
import { asyncNode } from './async/async.ts'
import { auth } from './auth/auth.ts'
import { cacheGet } from './cache-get/cache-get.ts'
import { cacheInvalidate } from './cache-invalidate/cache-invalidate.ts'
import { cacheSet } from './cache-set/cache-set.ts'
import { calloutAuth } from './callout-auth/callout-auth.ts'
import { branch } from './branch/branch.ts'
import { catchNode } from './catch/catch.ts'
import { change } from './change/change.ts'
import { comment } from './comment/comment.ts'
import { complete } from './complete/complete.ts'
import { concurrencyLimit } from './concurrency-limit/concurrency-limit.ts'
import { crypto } from './crypto/crypto.ts'
import { csv } from './csv/csv.ts'
import { debug } from './debug/debug.ts'
import { delay } from './delay/delay.ts'
import { detokenize } from './detokenize/detokenize.ts'
import { download } from './download/download.ts'
import { end } from './end/end.ts'
import { forEach } from './for-each/for-each.ts'
import { functionNode } from './function/function.ts'
import { globalConfig } from './global-config/global-config.ts'
import { globalPolicy } from './global-policy/global-policy.ts'
import { httpIn } from './http-in/http-in.ts'
import { httpRequest } from './http-request/http-request.ts'
import { httpResponse } from './http-response/http-response.ts'
import { idempotency } from './idempotency/idempotency.ts'
import { inject } from './inject/inject.ts'
import { jobProgress } from './job-progress/job-progress.ts'
import { jobStatus } from './job-status/job-status.ts'
import { join } from './join/join.ts'
import { json } from './json/json.ts'
import { junction } from './junction/junction.ts'
import { linkCall } from './link-call/link-call.ts'
import { linkIn } from './link-in/link-in.ts'
import { linkOut } from './link-out/link-out.ts'
import { mask } from './mask/mask.ts'
import { merge } from './merge/merge.ts'
import { objectStorage } from './object-storage/object-storage.ts'
import { parallel } from './parallel/parallel.ts'
import { passThrough } from './pass-through/pass-through.ts'
import { map } from './map/map.ts'
import { priorityQueue } from './priority-queue/priority-queue.ts'
import { quota } from './quota/quota.ts'
import { raiseFault } from './raise-fault/raise-fault.ts'
import { range } from './range/range.ts'
import { record } from './record/record.ts'
import { releaseLabel } from './release-label/release-label.ts'
import { resetQuota } from './reset-quota/reset-quota.ts'
import { resource } from './resource/resource.ts'
import { respond } from './respond/respond.ts'
import { responseCache } from './response-cache/response-cache.ts'
import { schedule } from './schedule/schedule.ts'
import { serviceCallout } from './service-callout/service-callout.ts'
import { session } from './session/session.ts'
import { sort } from './sort/sort.ts'
import { spikeArrest } from './spike-arrest/spike-arrest.ts'
import { split } from './split/split.ts'
import { status } from './status/status.ts'
import { subFlowIn } from './sub-flow-in/sub-flow-in.ts'
import { subFlow } from './sub-flow/sub-flow.ts'
import { switchNode } from './switch/switch.ts'
import { template } from './template/template.ts'
import { tlsConfig } from './tls-config/tls-config.ts'
import { tokenize } from './tokenize/tokenize.ts'
import { transform } from './transform/transform.ts'
import { tryNode } from './try/try.ts'
import { uploadOffload } from './upload-offload/upload-offload.ts'
import { upstream } from './upstream/upstream.ts'
import { validate } from './validate/validate.ts'
import { verifyToken } from './verify-token/verify-token.ts'
import { wait } from './wait/wait.ts'
import { whileNode } from './while/while.ts'

/** Every node there is, sorted by type. Adding a node is adding its folder and two lines here. */
export const definitions: readonly NodeDefinition[] = [
  accessControl,
  afterResponse,
  asyncNode,
  auth,
  branch,
  cacheGet,
  cacheInvalidate,
  cacheSet,
  calloutAuth,
  catchNode,
  change,
  comment,
  complete,
  concurrencyLimit,
  crypto,
  csv,
  debug,
  delay,
  detokenize,
  download,
  end,
  forEach,
  functionNode,
  globalPolicy,
  globalConfig,
  httpIn,
  httpRequest,
  httpResponse,
  idempotency,
  inject,
  jobProgress,
  jobStatus,
  join,
  json,
  junction,
  linkCall,
  linkIn,
  linkOut,
  map,
  mask,
  merge,
  objectStorage,
  parallel,
  passThrough,
  priorityQueue,
  quota,
  raiseFault,
  range,
  record,
  releaseLabel,
  resetQuota,
  resource,
  respond,
  responseCache,
  schedule,
  serviceCallout,
  session,
  sort,
  spikeArrest,
  split,
  status,
  subFlow,
  subFlowIn,
  switchNode,
  template,
  tlsConfig,
  tokenize,
  transform,
  tryNode,
  uploadOffload,
  upstream,
  validate,
  verifyToken,
  wait,
  whileNode,
]
