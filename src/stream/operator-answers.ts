import type { AgentMessage } from './generated/wire/weft/node/v1/node_pb.ts';
import type { BlockAnswer, CertificateAnswer, NodeRequests } from './operator-ports.ts';
import type { OperatorPayload } from './wire.ts';

/** The answer to what a node asks; undefined for a message that asks nothing. Never rejects: the agent asks again. */
export function answerNode(
  requests: NodeRequests,
  node: string,
  { message }: AgentMessage,
): Promise<OperatorPayload> | undefined {
  switch (message.case) {
    case 'blockRequest': {
      const { id, pool } = message.value;
      const request = { pool: pool === '' ? undefined : pool };
      return orProblem<BlockAnswer>(() => requests.block(node, request)).then((answer) => {
        return { case: 'blockGrant', value: { id, ...answer } };
      });
    }
    case 'certificateRequest': {
      const { id, csr, podUid } = message.value;
      const request = { csrDer: csr, podUid };
      return orProblem<CertificateAnswer>(() => requests.certificate(node, request)).then((answer) => {
        return { case: 'certificateGrant', value: { id, ...answer } };
      });
    }
    case 'forgetRequest': {
      const { id, addresses } = message.value;
      const nothing = (): readonly string[] => [];
      return requests
        .forgotten(node, { addresses })
        .catch(nothing)
        .then((forgotten) => ({ case: 'forgetGrant', value: { id, addresses: [...forgotten] } }));
    }
    case 'knownRequest': {
      const { id, podUid, address } = message.value;
      return requests
        .known(node, { podUid, address })
        .catch(() => undefined)
        .then(() => ({ case: 'knownGrant', value: { id } }));
    }
    default:
      return undefined;
  }
}

async function orProblem<T>(answer: () => Promise<T>): Promise<T | { readonly problem: string }> {
  try {
    return await answer();
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
