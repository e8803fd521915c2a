import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

function run(script: string, args: readonly string[]): Promise<Ended> {
  const env = { PATH: process.env.PATH ?? '', HOME: '/nowhere', NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', `${root}${script}`, ...args],
      { env },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

// One after another: each loads a whole program.
test('every program names what was most likely meant, and ends with 2', { timeout: 240_000 }, async () => {
  const typed: readonly (readonly [script: string, ...args: string[]])[] = [
    ['sdk/src/cli/karmesh.ts', 'wroker', 'start'],
    ['sdk/src/cli/karmesh.ts', 'karam', 'show'],
    ['sdk/src/cli/karmesh.ts', 'receipt', 'ftech'],
    ['sdk/src/cli/karmesh.ts', 'karma', 'show', '--clutser-file', 'mine.json'],
    ['sdk/src/cli/karmesh.ts', 'karma', 'show', '--url', 'devent'],
    ['node/src/main.ts', 'regsiter'],
    ['node/src/main.ts', 'register', '--onwer', 'owner.json'],
    ['node/src/main.ts', 'model', 'convrt'],
    ['validator/src/main.ts', 'statsu'],
    ['validator/src/main.ts', 'stake', '1sol', '--validtor', 'x'],
    ['validator/src/main.ts', 'propose', 'parameter', 'feeShareBsp', '400'],
    ['node/src/main.ts', 'capacity', 'two', '--owner', 'owner.json'],
    ['web/gateway/main.ts', 'key'],
    ['web/gateway/main.ts', '--bootstrop', 'x'],
    ['web/gateway/main.ts', 'keys', 'lst'],
    ['programs/localnet/src/main.ts', '--slot-sm', '50'],
    ['programs/localnet/src/up.ts', '--onec', 'Hello?'],
  ];
  const shown: string[] = [];
  for (const [script, ...args] of typed) {
    const { code, stdout, stderr } = await run(script, args);
    shown.push(`${[script, ...args].join(' ')}\n${code}${stdout}\n${stderr}`);
  }
  expect(shown.join('\n')).toMatchInlineSnapshot(`
    "sdk/src/cli/karmesh.ts wroker start
    2
    ✖ There is no command "wroker start".
      didYouMean: worker
      known: ask, receipt fetch, receipt verify, ticket verify, karma show, keygen, airdrop, deploy, up, worker, access, model, ceremony, validator, gateway, localnet
      See docs/errors.md#config_invalid

    sdk/src/cli/karmesh.ts karam show
    2
    ✖ There is no command "karam show".
      didYouMean: karma show
      known: ask, receipt fetch, receipt verify, ticket verify, karma show, keygen, airdrop, deploy, up, worker, access, model, ceremony, validator, gateway, localnet
      See docs/errors.md#config_invalid

    sdk/src/cli/karmesh.ts receipt ftech
    2
    ✖ There is no command "receipt ftech".
      didYouMean: receipt fetch
      known: receipt fetch, receipt verify
      See docs/errors.md#config_invalid

    sdk/src/cli/karmesh.ts karma show --clutser-file mine.json
    2
    ✖ The command line is not understood.
      fault: unknown option '--clutser-file'
      didYouMean: --cluster-file
      See docs/errors.md#config_invalid

    sdk/src/cli/karmesh.ts karma show --url devent
    2
    ✖ The cluster is neither a known name nor a URL.
      url: devent
      didYouMean: devnet
      known: localnet, devnet
      See docs/errors.md#config_invalid

    node/src/main.ts regsiter
    2
    ✖ There is no command "regsiter".
      didYouMean: register
      known: start, register, stake, unstake, withdraw, capacity, rewards, access, describe, model, ceremony
      See docs/errors.md#config_invalid

    node/src/main.ts register --onwer owner.json
    2
    ✖ The command line is not understood.
      fault: unknown option '--onwer'
      didYouMean: --owner
      See docs/errors.md#config_invalid

    node/src/main.ts model convrt
    2
    ✖ There is no command "model convrt".
      didYouMean: model convert
      known: model inspect, model bench, model keys, model convert
      See docs/errors.md#config_invalid

    validator/src/main.ts statsu
    2
    ✖ There is no command "statsu".
      didYouMean: status
      known: start, status, evidence, doctor, init, register, stake, unstake, withdraw, rewards, commission, proposals, propose, vote, execute, slashing-protection, sign-epoch
      See docs/errors.md#config_invalid

    validator/src/main.ts stake 1sol --validtor x
    2
    ✖ The command line is not understood.
      fault: unknown option '--validtor'
      didYouMean: --validator
      See docs/errors.md#config_invalid

    validator/src/main.ts propose parameter feeShareBsp 400
    2
    ✖ There is no such parameter.
      parameter: feeShareBsp
      didYouMean: feeShareBps
      known: docs/reference/parameters.md
      See docs/errors.md#config_invalid

    node/src/main.ts capacity two --owner owner.json
    2
    ✖ A capacity is a number of requests.
      requests: two
      most: 65535
      See docs/errors.md#config_invalid

    web/gateway/main.ts key
    2
    ✖ There is no command "key".
      didYouMean: keys
      known: keys, accounts, ledger, deposits, register
      See docs/errors.md#config_invalid

    web/gateway/main.ts --bootstrop x
    2
    ✖ The command line is not understood.
      fault: unknown option '--bootstrop'
      didYouMean: --bootstrap
      See docs/errors.md#config_invalid

    web/gateway/main.ts keys lst
    2
    ✖ There is no such action on keys.
      action: lst
      didYouMean: list
      known: add, list, rotate, revoke
      See docs/errors.md#config_invalid

    programs/localnet/src/main.ts --slot-sm 50
    2
    ✖ The command line is not understood.
      fault: unknown option '--slot-sm'
      didYouMean: --slot-ms
      See docs/errors.md#config_invalid

    programs/localnet/src/up.ts --onec Hello?
    2
    ✖ The command line is not understood.
      fault: unknown option '--onec'
      didYouMean: --once
      See docs/errors.md#config_invalid
    "
  `);
});

test('a model that a gateway does not sell is a usage error with the nearest that it does', async () => {
  const server = createServer((request, response) => {
    const isList = request.url === '/v1/models';
    response.writeHead(isList ? 200 : 404, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        isList
          ? { data: [{ id: 'qwen-small' }, { id: 'tiny-f16' }] }
          : { error: { message: 'The model `tny-f16` does not exist.', code: 'model_not_found' } },
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const gateway = ['--gateway', `http://127.0.0.1:${port}`, '--api-key', 'sk-x'];
  const ended = await run('sdk/src/cli/karmesh.ts', ['ask', ...gateway, '--model', 'tny-f16', 'Hello?']);
  server.close();
  expect(ended).toMatchInlineSnapshot(`
    {
      "code": 2,
      "stderr": "✖ The gateway does not sell this model.
      model: tny-f16
      didYouMean: tiny-f16
      known: qwen-small, tiny-f16
      See docs/errors.md#config_invalid
    ",
      "stdout": "",
    }
  `);
});
