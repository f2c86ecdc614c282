# Prints the workspace's README; start and claim both write it, because a claim changes the name and the owner.
if [ "$PREBUILDD_IS_PREBUILD" = true ]; then
  owner="nobody yet"
else
  owner=$PREBUILDD_WORKSPACE_OWNER
fi
cat <<README
# $PREBUILDD_WORKSPACE_NAME

Owner: $owner

A small ${PREBUILDD_PARAMETER_LANGUAGE:-shell} project. Run its test with \`sh ./test.sh\`.
README
