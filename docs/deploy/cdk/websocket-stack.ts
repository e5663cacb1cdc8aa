import { CfnOutput, Duration, Stack } from "aws-cdk-lib";
import * as apigatewayv2 from "aws-cdk-lib/aws-apigatewayv2";
import { WebSocketLambdaAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { WebSocketLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import * as sns from "aws-cdk-lib/aws-sns";
import type { Construct } from "constructs";

export interface AuthorizerProps {
  /** The path of the directory or zip file with the function's `bootstrap`. */
  readonly package: string;
  /**
   * Settings by name, without `AUTHORIZER_`. The function does not start if a
   * setting is empty; leave it out to use its default.
   */
  readonly settings: Readonly<Record<string, string>>;
  /** The ARNs of layer versions, for example one with a key set file for the setting `JWKS_FILE`. */
  readonly layerArns?: readonly string[];
  /**
   * The number of concurrent executions to reserve for the function, which is
   * also its limit. By default, none are reserved.
   */
  readonly reservedConcurrency?: number;
  /** The ARN of an SNS topic that the alarms notify. Without it, they only change their state. */
  readonly alarmTopicArn?: string;
  /** The number of log lines at ERROR and time-outs within five minutes that raises the alarm. The default is 1. */
  readonly faultAlarmThreshold?: number;
}

export class WebSocketStack extends Stack {
  constructor(scope: Construct, id: string, props: AuthorizerProps) {
    super(scope, id);

    const logGroup = new logs.LogGroup(this, "AuthorizerLog", {
      retention: logs.RetentionDays.ONE_MONTH,
    });
    const authorizer = this.authorizerFunction(logGroup, props);
    this.alarms(logGroup, authorizer, props);
    const routes = new lambda.Function(this, "Routes", {
      code: lambda.Code.fromAsset("../../../samples/websocket/src"),
      handler: "index.handler",
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
    });

    const integration = new WebSocketLambdaIntegration("Integration", routes);
    const api = new apigatewayv2.WebSocketApi(this, "Api", {
      routeSelectionExpression: "$request.body.action",
      connectRouteOptions: {
        integration,
        authorizer: new WebSocketLambdaAuthorizer("Authorizer", authorizer, {
          // If a source in this list is missing from the request, API Gateway
          // answers 401 without asking the authorizer. With an empty list,
          // clients may send the token in a header, or as a subprotocol, as
          // browsers must. Without this line, CDK lists the header Authorization.
          identitySource: [],
        }),
      },
      disconnectRouteOptions: { integration },
      defaultRouteOptions: { integration },
    });
    const stage = new apigatewayv2.WebSocketStage(this, "Stage", {
      webSocketApi: api,
      stageName: "default",
      autoDeploy: true,
    });

    api.grantManageConnections(routes);
    routes.addEnvironment("MANAGEMENT_ENDPOINT", stage.callbackUrl);

    new CfnOutput(this, "WebSocketUrl", { value: stage.url });
  }

  private authorizerFunction(logGroup: logs.LogGroup, props: AuthorizerProps): lambda.Function {
    // Allows the function to write its own log, and nothing else. CDK's default
    // role may write every log.
    const role = new iam.Role(this, "AuthorizerRole", {
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(role);

    const layers = (props.layerArns ?? []).map((arn, index) =>
      lambda.LayerVersion.fromLayerVersionArn(this, `Layer${index}`, arn),
    );
    const variables = Object.entries(props.settings).map(
      ([name, value]) => [`AUTHORIZER_${name}`, value] as const,
    );
    return new lambda.Function(this, "AuthorizerFunction", {
      description: "Verifies JWTs for API Gateway",
      code: lambda.Code.fromAsset(props.package),
      handler: "bootstrap",
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: lambda.Architecture.ARM_64,
      memorySize: 128,
      timeout: Duration.seconds(9),
      layers,
      reservedConcurrentExecutions: props.reservedConcurrency,
      role,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      // Includes the reports of time-outs, which an alarm counts.
      systemLogLevelV2: lambda.SystemLogLevel.INFO,
      environment: Object.fromEntries(variables),
    });
  }

  // The alarms of template.yaml, which explains them. No alarm uses the function's
  // Errors metric: every 401 is a function error, so any caller could raise it.
  private alarms(logGroup: logs.LogGroup, authorizer: lambda.Function, props: AuthorizerProps): void {
    const topic =
      props.alarmTopicArn === undefined
        ? undefined
        : sns.Topic.fromTopicArn(this, "AlarmTopic", props.alarmTopicArn);
    const alarm = (
      id: string,
      metric: cloudwatch.IMetric,
      options: Omit<cloudwatch.AlarmProps, "metric">,
    ): void => {
      const made = new cloudwatch.Alarm(this, id, {
        metric,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
        ...options,
      });
      if (topic !== undefined) {
        made.addAlarmAction(new SnsAction(topic));
        made.addOkAction(new SnsAction(topic));
      }
    };
    const linesOf = (id: string, metricName: string, pattern: string): cloudwatch.IMetric =>
      new logs.MetricFilter(this, id, {
        logGroup,
        filterPattern: logs.FilterPattern.literal(pattern),
        metricNamespace: `jwks-authorizer/${this.stackName}`,
        metricName,
        defaultValue: 0,
        unit: cloudwatch.Unit.COUNT,
      }).metric({ statistic: "Sum", period: Duration.minutes(5) });

    const faults = linesOf(
      "FaultMetric",
      "Faults",
      '{ ($.level = "ERROR") || (($.type = "platform.report") && (($.record.status = "timeout") || ($.record.errorType = "Runtime.ExitError") || ($.record.errorType = "Runtime.OutOfMemory"))) }',
    );
    alarm("FaultAlarm", faults, {
      alarmDescription:
        "An issuer has no usable keys, a request got a 500 for another reason, or the function does not start. The log lines at ERROR say which",
      threshold: props.faultAlarmThreshold ?? 1,
      evaluationPeriods: 1,
    });
    const failures = linesOf("KeyRefreshFailureMetric", "KeyRefreshFailures", '{ $.outcome = "failed" }');
    alarm("KeyRefreshAlarm", failures, {
      alarmDescription:
        "The issuer's keys cannot be refreshed. Cached keys stay usable until AUTHORIZER_JWKS_MAX_STALE_SECONDS",
      threshold: 1,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
    });
    alarm("ThrottleAlarm", authorizer.metricThrottles({ statistic: "Sum", period: Duration.minutes(5) }), {
      alarmDescription: "Lambda throttles the authorizer, and API Gateway answers 500",
      threshold: 1,
      evaluationPeriods: 1,
    });
  }
}
