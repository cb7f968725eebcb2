// Runs operations of the public n8n node against a server, as a workflow would. Reads a list of
// {resource, operation, ...parameters} from stdin; prints the list of what each came to.
const { EvolutionApi } = require('n8n-nodes-evolution-api/dist/nodes/EvolutionApi/EvolutionApi.node.js');

// The part of n8n that the node uses.
function workflow(parameters, server, apikey) {
  return {
    getInputData: () => [{ json: {} }],
    getNode: () => ({ name: 'Evolution API', type: 'evolutionApi', parameters: {} }),
    getCredentials: async () => ({ 'server-url': server, apikey }),
    getNodeParameter: (name, _item, fallback) => parameters[name] ?? fallback ?? '',
    continueOnFail: () => false,
    helpers: {
      request: async ({ method, uri, headers, body }) => {
        const content = body === undefined ? {} : { 'content-type': 'application/json' };
        const answer = await fetch(uri, {
          method,
          headers: { ...content, ...headers },
          body: body === undefined || method === 'GET' ? undefined : JSON.stringify(body),
        });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${method} ${uri}: ${answer.status} ${text}`);
        return text === '' ? '' : JSON.parse(text);
      },
      returnJsonArray: (data) => (Array.isArray(data) ? data : [data]),
    },
  };
}

async function main() {
  const [server, apikey] = process.argv.slice(2);
  let input = '';
  for await (const chunk of process.stdin) input += chunk;
  const results = [];
  for (const parameters of JSON.parse(input)) {
    const [items] = await new EvolutionApi().execute.call(workflow(parameters, server, apikey));
    results.push(items[0].json.data);
  }
  console.log(JSON.stringify(results));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
